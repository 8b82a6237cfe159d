/**
 * Under which name Portage keeps what lies at a URI, as the metadata/md5-cache of the trees has it: SRC_URI may rename a
 * file (`URI -> NAME`), and what `emerge --pretend --fetchonly` prints then does not tell. Reads the whole of md5-cache, which
 * takes a second or two; so only for who has nothing better to go by.
 */
import { readdir } from "node:fs/promises";
import { mapInBatches } from "../lib/batches.ts";
import type { Repository } from "./discover.ts";
import { parseMd5Cache } from "./formats/md5-cache.ts";
import { parseSrcUri } from "./formats/src-uri.ts";

const READ_AT_ONCE = 16;
/** Without the prefixes of EAPI 8. */
const URIS = /[a-z][a-z0-9.-]*:\/\/\S+/gi;

async function entriesOf(folder: string): Promise<readonly string[]> {
  return (await readdir(folder).catch(() => [])).map((name) => `${folder}/${name}`);
}

/** Adds what one md5-cache file says. */
function note(text: string, wanted: ReadonlySet<string>, names: Map<string, string>): void {
  // Most have nothing to do with any of them.
  if (!text.match(URIS)?.some((uri) => wanted.has(uri))) return;
  const metadata = parseMd5Cache(text)?.metadata;
  if (!metadata) return;
  for (const [name, uris] of parseSrcUri(metadata.srcUri, metadata.eapi).files) {
    for (const { uri } of uris) if (wanted.has(uri) && !names.has(uri)) names.set(uri, name);
  }
}

/** By URI; those that no ebuild has are left out. The first repository counts. */
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
        note(
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
