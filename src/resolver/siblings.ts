/**
 * Predicts which files a client asks for after this one: Portage fetches all files of an ebuild one after another, in the
 * order of SRC_URI.
 */
import type { DistEntry } from "../distfile/digests.ts";
import type { DistfileName } from "../distfile/name.ts";
import type { MetadataReader } from "../repos/ebuild-metadata.ts";
import { parseRestrict } from "../repos/formats/src-uri.ts";
import type { WantingPackage } from "./fetchables.ts";
import type { SrcUriReader } from "./read-src-uri.ts";
import { permissionOf } from "./restrict.ts";

/** Returns the names after this one, then the names before it. */
function rotated(name: string, names: readonly string[]): readonly string[] {
  const at = names.indexOf(name);
  return [...names.slice(at + 1), ...names.slice(0, Math.max(0, at))];
}

/**
 * Returns the files that every version with this file needs, whatever the USE flags. Returns none where several packages
 * want the file. Evaluates no ebuild, and leaves out files that may not be fetched.
 * @param entriesOf entries of a package's Manifest, by name
 */
export async function siblingsOf(
  name: DistfileName,
  [wanting, ...more]: readonly WantingPackage[],
  metadata: Pick<MetadataReader, "read">,
  srcUris: SrcUriReader,
  entriesOf: (location: string, category: string, name: string) => ReadonlyMap<string, DistEntry>,
): Promise<readonly DistEntry[]> {
  if (!wanting || more.length > 0) return [];
  const { in: repository, category, package: packageName } = wanting;
  const { known } = await metadata.read(repository, category, packageName);
  let shared: readonly string[] | undefined;
  for (const { metadata: ebuild } of known) {
    const uris = await srcUris.readFor(name, ebuild);
    if (!uris) continue;
    const { files, unconditional } = uris;
    const restrictions = parseRestrict(ebuild.restrict);
    const mayBeFetched = (one: string) => !permissionOf(files.get(one) ?? [], restrictions).fetchRestricted;
    if (!files.has(name) || !mayBeFetched(name)) continue;
    shared = (shared ?? [...unconditional]).filter((one) => unconditional.has(one) && mayBeFetched(one));
    if (!unconditional.has(name)) shared = [name, ...shared.filter((one) => one !== name)];
  }
  if (!shared) return [];
  const entries = entriesOf(repository.location, category, packageName);
  return rotated(name, shared).flatMap((one) => entries.get(one) ?? []);
}
