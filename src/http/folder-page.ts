/** Explains in a browser what is below a folder of files, which are not listed. Clients that fetch files see what they always did. */
import { MIRROR_FOLDERS } from "../distfile/mirror-path.ts";
import { plainPage } from "./plain-page.ts";

const DISTFILES = "distfiles";
const FOLDERS: ReadonlySet<string> = new Set(
  [DISTFILES, ...MIRROR_FOLDERS].flatMap((name) => [`/${name}`, `/${name}/`]),
);

/** Returns whether a person looks at such a folder: of all clients only browsers ask for HTML by name. @param path normalPath() */
export function isBrowsed({ method, headers }: Pick<Request, "method" | "headers">, path: string): boolean {
  return FOLDERS.has(path) && method === "GET" && (headers.get("accept") ?? "").includes("text/html");
}

const WHAT: Readonly<Record<string, string>> = {
  distfiles:
    "the source archives that ebuilds name, by file name or in the folders of a Gentoo mirror's layout. One that is not stored yet is fetched when somebody asks for it",
  snapshots: "the snapshots of the Gentoo repository that emerge-webrsync takes",
  releases: "stages, and binary packages",
  experimental: "what a Gentoo mirror has there",
};

/** @param path one for which isBrowsed() holds */
export function folderPage(path: string): Response {
  const name = path.split("/")[1] ?? "";
  return plainPage(
    `/${name}/ of portcache`,
    `<p>This address is for Portage. Below it this cache serves ${WHAT[name] ?? ""}.</p>
<p>Folders are not listed here: there is no end of files that can be had.</p>
<section>
<p><a href="/client">Set up a client</a></p>
<p><a href="/#/files">Stored files</a>, and a search for any other</p>
<p><a href="/">Dashboard</a></p>
</section>`,
  );
}
