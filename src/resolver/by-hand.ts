/**
 * Finds out where people get a file that no program may fetch (RESTRICT=fetch, PMS 7.3.6): the pages that its ebuilds name. Sources
 * no ebuild.
 */
import { realpath } from "node:fs/promises";
import type { Digests } from "../distfile/digests.ts";
import type { DistfileName } from "../distfile/name.ts";
import { unwrapped, wordsOf } from "../lib/text.ts";
import { createPackageBudget } from "../repos/ebuilds.ts";
import { nofetchUris } from "../repos/formats/nofetch.ts";
import { readInside } from "../repos/repository-files.ts";
import type { PackageFetchables } from "./fetchables.ts";
import type { Resolver } from "./resolver.ts";

/** Where people get a file; pages of the web alone. */
export interface ByHand {
  readonly homepages: string[];
  /** Of SRC_URI and pkg_nofetch. */
  readonly uris: string[];
}

/** Of each kind. */
const MAX_PAGES = 8;
const MAX_PAGE_CHARACTERS = 1_024;

/** Returns the first pages that a browser can open, each once. */
function pagesOf(uris: readonly string[]): string[] {
  const isPage = (uri: string) =>
    uri.length <= MAX_PAGE_CHARACTERS && /^https?:\/\//i.test(uri) && URL.canParse(uri) && unwrapped(uri) === uri;
  return [...new Set(uris.filter(isPage))].slice(0, MAX_PAGES);
}

async function readNofetch({ repository, name }: PackageFetchables, pf: string): Promise<readonly string[]> {
  const root = await realpath(repository.location);
  const budget = createPackageBudget();
  const file = await readInside(root, `${root}/${name}/${pf}.ebuild`, { kind: "ebuild", budget });
  return file.kind === "file" && file.bytes ? nofetchUris(file.bytes.toString("utf8")) : [];
}

/** Returns null for a file that may be fetched, as far as that is known without sourcing ebuilds. */
export async function findByHand(
  name: DistfileName,
  content: Digests,
  resolver: Pick<Resolver, "resolve">,
): Promise<ByHand | null> {
  const { packages, permission, uris } = await resolver.resolve(name, content, "known");
  if (!permission.fetchRestricted || permission.mirrors !== "never" || uris.length > 0) return null;
  const found = packages.flatMap((one) => one.fetchables.map((fetchable) => ({ one, ...fetchable })));
  const [newest] = found;
  // An ebuild that cannot be read now names no further pages; the API has the others all the same.
  const named = newest ? await readNofetch(newest.one, newest.pf).catch(() => []) : [];
  return {
    homepages: pagesOf(found.flatMap(({ homepage }) => wordsOf(homepage))),
    uris: pagesOf([...found.flatMap((fetchable) => fetchable.uris), ...named]),
  };
}
