/**
 * Finds the names of distfiles by their URIs: SRC_URI may rename a file (`URI -> NAME`), and the output of
 * `emerge --pretend --fetchonly` does not show the new name. Reads all of metadata/md5-cache, which takes a second or two.
 */
import { realpath } from "node:fs/promises";
import { listAtMost } from "../lib/list-folder.ts";
import { createSteps } from "../lib/steps.ts";
import { wordsOf } from "../lib/text.ts";
import type { Repository } from "./discover.ts";
import { createPackageBudget } from "./ebuilds.ts";
import { splitPf } from "./formats/ebuild-eapi.ts";
import { parseMd5Cache } from "./formats/md5-cache.ts";
import { parseSrcUri } from "./formats/src-uri.ts";
import { type ByteBudget, readInside } from "./repository-files.ts";

const READ_AT_ONCE = 16;
const KEY = "SRC_URI=";

/** Returns the value of SRC_URI, without parsing all of the file. */
function srcUriOf(text: string): string {
  const at = text.startsWith(KEY) ? 0 : text.indexOf(`\n${KEY}`) + 1;
  if (!text.startsWith(KEY, at)) return "";
  const end = text.indexOf("\n", at);
  return text.slice(at + KEY.length, end < 0 ? undefined : end);
}

/** Returns whether a word is one of the URIs, with or without a prefix of EAPI 8. */
function isWanted(word: string, wanted: ReadonlySet<string>): boolean {
  return wanted.has(word) || wanted.has(word.replace(/^(?:fetch|mirror)\+/, ""));
}

/** Entries of a folder of md5-cache: of a category, or the categories. Real categories have up to 6,000. */
const MAX_FOLDER_ENTRIES = 50_000;

async function entriesOf(folder: string): Promise<readonly string[]> {
  return await listAtMost(folder, MAX_FOLDER_ENTRIES).catch(() => []);
}

/** Yields the texts of a category's entries, of each package as much as is ever read of one. */
async function* textsIn(folder: string, root: string): AsyncGenerator<string> {
  const budgets = new Map<string | undefined, ByteBudget>();
  const read = async (pf: string) => {
    const name = splitPf(pf)?.pn;
    const budget = budgets.get(name) ?? createPackageBudget();
    budgets.set(name, budget);
    return await readInside(root, `${folder}/${pf}`, { kind: "md5-cache", budget });
  };
  const pfs = await entriesOf(folder);
  for (let at = 0; at < pfs.length; at += READ_AT_ONCE) {
    for (const file of await Promise.all(pfs.slice(at, at + READ_AT_ONCE).map(read)))
      if (file.kind === "file" && file.bytes) yield file.bytes.toString("utf8");
  }
}

/** Adds the names from one md5-cache file. */
function addNames(text: string, wanted: ReadonlySet<string>, names: Map<string, string>): void {
  // Most files have none of the URIs.
  if (!wordsOf(srcUriOf(text)).some((word) => isWanted(word, wanted))) return;
  const metadata = parseMd5Cache(text)?.metadata;
  if (!metadata) return;
  for (const [name, uris] of parseSrcUri(metadata.srcUri, metadata.eapi).files) {
    for (const { uri } of uris) if (wanted.has(uri) && !names.has(uri)) names.set(uri, name);
  }
}

/** Returns names by URI, without URIs that no ebuild has. Where repositories differ, the first one counts. */
export async function namesOfUris(
  repositories: readonly Repository[],
  wanted: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  const names = new Map<string, string>();
  const endStep = createSteps();
  for (const { location } of repositories) {
    const root = await realpath(location).catch(() => location);
    const cache = `${root}/metadata/md5-cache`;
    for (const category of await entriesOf(cache)) {
      signal.throwIfAborted();
      for await (const text of textsIn(`${cache}/${category}`, root)) {
        addNames(text, wanted, names);
        await endStep();
      }
    }
  }
  return names;
}
