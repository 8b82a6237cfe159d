/**
 * Finds the names of distfiles by their URIs: SRC_URI may rename a file (`URI -> NAME`), and the output of
 * `emerge --pretend --fetchonly` does not show the new name. Reads all of metadata/md5-cache, which takes a second or two.
 */
import { readdir } from "node:fs/promises";
import { mapInBatches } from "../lib/batches.ts";
import type { Repository } from "./discover.ts";
import { parseMd5Cache } from "./formats/md5-cache.ts";
import { parseSrcUri } from "./formats/src-uri.ts";

const READ_AT_ONCE = 16;
/** Leaves out the prefixes of EAPI 8. */
const URIS = /[a-z][a-z0-9.-]*:\/\/\S+/gi;

async function entriesOf(folder: string): Promise<readonly string[]> {
  return (await readdir(folder).catch(() => [])).map((name) => `${folder}/${name}`);
}

/** Adds the names from one md5-cache file. */
function addNames(text: string, wanted: ReadonlySet<string>, names: Map<string, string>): void {
  // Most files have none of the URIs.
  if (!text.match(URIS)?.some((uri) => wanted.has(uri))) return;
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
  for (const { location } of repositories) {
    for (const category of await entriesOf(`${location}/metadata/md5-cache`)) {
      signal.throwIfAborted();
      await mapInBatches(await entriesOf(category), READ_AT_ONCE, async (path) => {
        addNames(
          await Bun.file(path)
            .text()
            .catch(() => ""),
          wanted,
          names,
        );
      });
    }
  }
  return names;
}
