/**
 * Which other files whoever asks for one will ask for next: Portage fetches all files of an ebuild, one after another, in
 * the order of SRC_URI.
 */
import type { Digests, DistEntry } from "../distfile/digests.ts";
import type { DistfileName } from "../distfile/name.ts";
import { parseSrcUri } from "../repos/formats/src-uri.ts";
import { type FetchablesDeps, packagesWanting } from "./fetchables.ts";
import { permissionOfFile } from "./restrict.ts";

export interface SiblingsDeps extends FetchablesDeps {
  /** What a package's Manifest has, by name. */
  readonly entriesOf: (location: string, category: string, name: string) => ReadonlyMap<string, DistEntry>;
}

/** Those after the file first, then those before it. */
function from(name: string, names: readonly string[]): readonly string[] {
  const at = names.indexOf(name);
  return [...names.slice(at + 1), ...names.slice(0, Math.max(0, at))];
}

/**
 * Only where one package wants the file, and of its versions that do only what all of them need whatever the USE flags;
 * nothing is sourced for it. Files that may not be fetched are left out.
 */
export async function siblingsOf(
  name: DistfileName,
  content: Digests,
  deps: SiblingsDeps,
): Promise<readonly DistEntry[]> {
  const [wanting, ...more] = packagesWanting(name, content, deps);
  if (!wanting || more.length > 0) return [];
  const { repository, category, package: packageName } = wanting;
  const { known: described } = await deps.metadata.read(repository, category, packageName);
  let shared: readonly string[] | undefined;
  for (const { metadata } of described) {
    if (!metadata.srcUri.includes(name)) continue;
    const { files, unconditional } = parseSrcUri(metadata.srcUri, metadata.eapi);
    const uris = files.get(name);
    if (!uris || permissionOfFile(uris, metadata.restrict).fetchRestricted) continue;
    shared = (shared ?? [...unconditional]).filter((one) => unconditional.has(one));
    if (!unconditional.has(name)) shared = [name, ...shared.filter((one) => one !== name)];
  }
  if (!shared) return [];
  const entries = deps.entriesOf(repository.location, category, packageName);
  return from(name, shared).flatMap((one) => entries.get(one) ?? []);
}
