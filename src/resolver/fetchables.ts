/**
 * Finds out what the ebuilds of the packages that want a file say about fetching it: its URIs in SRC_URI, and RESTRICT.
 */
import { contentKey, type Digests, type DistEntry } from "../distfile/digests.ts";
import type { DistfileName } from "../distfile/name.ts";
import type { WantedBy } from "../distfile/wanted-by.ts";
import type { Repository } from "../repos/discover.ts";
import type { EbuildWithMetadata, MetadataReader, PackageMetadata } from "../repos/ebuild-metadata.ts";
import type { EvaluationFailure } from "../repos/ebuilds.ts";
import { parseRestrict } from "../repos/formats/src-uri.ts";
import type { SrcUriReader } from "./read-src-uri.ts";
import { type Permission, permissionOf } from "./restrict.ts";

/** What one ebuild says about fetching the file. */
export interface Fetchable {
  readonly pf: string;
  readonly homepage: string;
  /** All URIs of the file, also those that may not be fetched. */
  readonly uris: readonly string[];
  readonly permission: Permission;
}

export interface PackageFetchables {
  readonly repository: Repository;
  /** `app-misc/foo` */
  readonly name: string;
  readonly entry: DistEntry;
  /** One for each ebuild that has the file in SRC_URI. */
  readonly fetchables: readonly Fetchable[];
  /** Why the metadata of ebuilds is unknown, by `app-misc/foo-1`. */
  readonly failures: ReadonlyMap<string, EvaluationFailure>;
  /** Whether ebuilds were left out that have to be sourced to be known. */
  readonly incomplete: boolean;
}

/**
 * "first" stops at the first ebuild that says where the file may be fetched, and restricts nothing, or else at the first package
 * that says so. "all" reads every package, and evaluates ebuilds whose md5-cache entry is stale. "known" is "first" without
 * sourcing ebuilds, which may take seconds.
 */
export type Depth = "known" | "first" | "all";

/** A package that wants the file, with its repository. */
export interface WantingPackage extends WantedBy {
  readonly in: Repository;
}

/** Picks the packages that want this content, first repository first. */
export function packagesWanting(
  content: Digests,
  wantedBy: readonly WantedBy[],
  repositoryAt: (location: string) => Repository | undefined,
): readonly WantingPackage[] {
  return wantedBy.flatMap((by) => {
    const repository = repositoryAt(by.location);
    return repository && contentKey(content) === contentKey(by.entry) ? [{ ...by, in: repository }] : [];
  });
}

/** Returns whether other ebuilds can only add further URIs. */
function isOpen(fetchable: Fetchable): boolean {
  const { mirrors, mirrorRestricted } = fetchable.permission;
  return isSufficient(fetchable) && mirrors === "first" && !mirrorRestricted;
}

async function fetchablesIn(
  ebuilds: readonly EbuildWithMetadata[],
  name: DistfileName,
  depth: Depth,
  srcUris: SrcUriReader,
): Promise<readonly Fetchable[]> {
  const found: Fetchable[] = [];
  for (const { pf, metadata } of ebuilds) {
    const uris = (await srcUris.readFor(name, metadata))?.files.get(name);
    if (!uris) continue;
    const { restrict, homepage } = metadata;
    const permission = permissionOf(uris, parseRestrict(restrict));
    const fetchable = { pf, homepage, uris: uris.map(({ uri }) => uri), permission };
    found.push(fetchable);
    if (depth !== "all" && isOpen(fetchable)) break;
  }
  return found;
}

/** Returns whether the ebuild says where the file may be fetched, so that the search can stop. */
function isSufficient({ permission }: Fetchable): boolean {
  return permission.uris.length > 0 && !permission.fetchRestricted;
}

async function fetchablesOf(
  name: DistfileName,
  { known, stale, unknown, evaluate }: PackageMetadata,
  depth: Depth,
  srcUris: SrcUriReader,
) {
  const fetchables = await fetchablesIn(known, name, depth, srcUris);
  const rest = depth === "all" ? [...unknown, ...stale] : unknown;
  const isEnough = rest.length === 0 || (depth !== "all" && fetchables.some(isSufficient));
  if (isEnough || depth === "known") {
    return { fetchables, failures: new Map<string, EvaluationFailure>(), incomplete: !isEnough };
  }
  const { evaluated, failures } = await evaluate(rest);
  const pfs = new Set(evaluated.map(({ pf }) => pf));
  const others = fetchables.filter(({ pf }) => !pfs.has(pf));
  const sourced = await fetchablesIn(evaluated, name, depth, srcUris);
  return { fetchables: [...others, ...sourced], failures, incomplete: false };
}

/** Packages whose ebuilds are read for one file: one of the first says where to fetch it. */
const MAX_PACKAGES = 32;

export async function findFetchables(
  name: DistfileName,
  packages: readonly WantingPackage[],
  depth: Depth,
  metadata: Pick<MetadataReader, "read">,
  srcUris: SrcUriReader,
): Promise<readonly PackageFetchables[]> {
  const found: PackageFetchables[] = [];
  for (const { in: repository, category, package: packageName, entry } of packages.slice(0, MAX_PACKAGES)) {
    const read = await metadata.read(repository, category, packageName);
    const { fetchables, failures, incomplete } = await fetchablesOf(name, read, depth, srcUris);
    found.push({
      repository,
      name: `${category}/${packageName}`,
      entry,
      fetchables,
      failures: new Map([...read.refused, ...failures].map(([pf, failure]) => [`${category}/${pf}`, failure])),
      incomplete,
    });
    if (depth !== "all" && fetchables.some(isSufficient)) break;
  }
  return found;
}
