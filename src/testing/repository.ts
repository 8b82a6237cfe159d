/**
 * Writes ebuild repositories for tests: profiles, metadata, packages with Manifests, ebuilds and md5-cache.
 */
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Digests } from "../distfile/digests.ts";
import { type Content, digestsOf, distLine } from "./content.ts";

/** A package version; missing fields are empty, and the EAPI is 8. */
export interface TestEbuild {
  readonly version: string;
  readonly srcUri?: string;
  readonly restrict?: string;
  readonly iuse?: string;
  readonly eapi?: string;
  /** The whole text, in place of the fields above; by default without an md5-cache entry. */
  readonly text?: string;
  /** Whether metadata/md5-cache has an entry; true by default. */
  readonly cached?: boolean;
}

export interface TestPackage {
  /** Contents by name, or just the digests for the Manifest. */
  readonly dist?: Readonly<Record<string, Content | { readonly digests: Digests }>>;
  /** Further lines of the Manifest. */
  readonly lines?: readonly string[];
  readonly ebuilds?: readonly TestEbuild[];
}

export interface TestRepository {
  readonly name: string;
  readonly location: string;
  /** Writes any file of the repository. */
  write(path: string, text: string): void;
  /** Adds or replaces a package: `repository.put("app-misc/foo", …)`. */
  put(categoryAndPackage: string, contents: TestPackage): void;
  remove(categoryAndPackage: string): void;
  /** Changes the marker that a sync changes. */
  markSynced(): void;
}

export interface TestRepositoryOptions {
  /** profiles/repo_name; "gentoo" by default. */
  readonly name?: string;
  readonly masters?: readonly string[];
}

function ebuildText({ srcUri = "", restrict = "", iuse = "", eapi = "8" }: TestEbuild): string {
  const lines = [
    `EAPI=${eapi}`,
    'DESCRIPTION="A package of a test"',
    'HOMEPAGE="https://example.org"',
    `SRC_URI="${srcUri}"`,
    'LICENSE="MIT"',
    'SLOT="0"',
    'KEYWORDS="~amd64"',
    ...(iuse === "" ? [] : [`IUSE="${iuse}"`]),
    ...(restrict === "" ? [] : [`RESTRICT="${restrict}"`]),
  ];
  return `${lines.join("\n")}\n`;
}

/** Writes sorted keys, values on one line, and no empty values, as Portage does. */
function cacheText(ebuild: TestEbuild, text: string): string {
  const { srcUri = "", restrict = "", iuse = "", eapi = "8" } = ebuild;
  const entries: readonly (readonly [string, string])[] = [
    ["DEFINED_PHASES", "-"],
    ["DESCRIPTION", "A package of a test"],
    ["EAPI", eapi],
    ["HOMEPAGE", "https://example.org"],
    ["IUSE", iuse],
    ["KEYWORDS", "~amd64"],
    ["LICENSE", "MIT"],
    ["RESTRICT", restrict],
    ["SLOT", "0"],
    ["SRC_URI", srcUri.trim().replaceAll(/\s+/g, " ")],
    ["_md5_", createHash("md5").update(text).digest("hex")],
  ];
  return entries
    .filter(([, value]) => value !== "")
    .map(([key, value]) => `${key}=${value}\n`)
    .join("");
}

function manifestText({ dist = {}, lines = [] }: TestPackage): string {
  const distLines = Object.entries(dist).map(([name, what]) =>
    distLine(name, typeof what === "object" && "digests" in what ? what.digests : digestsOf(what)),
  );
  return [...distLines, ...lines].map((line) => `${line}\n`).join("");
}

/** Creates a repository without packages. */
export function writeRepository(
  location: string,
  { name = "gentoo", masters = [] }: TestRepositoryOptions = {},
): TestRepository {
  let syncs = 0;

  function write(path: string, text: string): void {
    const full = join(location, path);
    mkdirSync(dirname(full), { recursive: true });
    // By rename, so that a running scan never reads half a file.
    writeFileSync(`${full}.new`, text);
    renameSync(`${full}.new`, full);
  }

  function removeVersions(folder: string, prefix: string): void {
    mkdirSync(join(location, folder), { recursive: true });
    for (const file of readdirSync(join(location, folder))) {
      if (file.startsWith(`${prefix}-`) && /^\d/.test(file.slice(prefix.length + 1)))
        rmSync(join(location, folder, file));
    }
  }

  function removeEbuilds(categoryAndPackage: string): void {
    const [category = "", name = ""] = categoryAndPackage.split("/");
    removeVersions(categoryAndPackage, name);
    removeVersions(`metadata/md5-cache/${category}`, name);
  }

  function putEbuild(categoryAndPackage: string, ebuild: TestEbuild): void {
    const [category, name] = categoryAndPackage.split("/");
    const text = ebuild.text ?? ebuildText(ebuild);
    write(`${categoryAndPackage}/${name}-${ebuild.version}.ebuild`, text);
    if (ebuild.cached ?? ebuild.text === undefined) {
      write(`metadata/md5-cache/${category}/${name}-${ebuild.version}`, cacheText(ebuild, text));
    }
  }

  write("profiles/repo_name", `${name}\n`);
  write("metadata/layout.conf", `masters = ${masters.join(" ")}\nmanifest-hashes = BLAKE2B SHA512\n`);
  return {
    name,
    location,
    write,
    put(categoryAndPackage, contents) {
      removeEbuilds(categoryAndPackage);
      write(`${categoryAndPackage}/Manifest`, manifestText(contents));
      for (const ebuild of contents.ebuilds ?? []) putEbuild(categoryAndPackage, ebuild);
    },
    remove(categoryAndPackage) {
      removeEbuilds(categoryAndPackage);
      rmSync(join(location, categoryAndPackage), { recursive: true, force: true });
    },
    markSynced() {
      write("metadata/timestamp.chk", `sync ${++syncs}\n${"=".repeat(syncs)}\n`);
    },
  };
}
