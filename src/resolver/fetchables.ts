/**
 * From a file's name to what the ebuilds of the packages that want it say of it.
 */
import { contentKey, type Digests, type DistEntry } from "../distfile/digests.ts";
import type { DistfileName } from "../distfile/name.ts";
import type { WantedBy } from "../distfile/wanted-by.ts";
import type { Repository } from "../repos/discover.ts";
import type { EbuildWithMetadata, MetadataReader, PackageMetadata } from "../repos/ebuild-metadata.ts";
import { parseSrcUri } from "../repos/formats/src-uri.ts";
import { type Permission, permissionOfFile } from "./restrict.ts";

/** What one ebuild says of the file. */
export interface Fetchable {
  readonly pf: string;
  readonly homepage: string;
  readonly permission: Permission;
}

export interface PackageFetchables {
  readonly repository: Repository;
  /** `app-misc/foo` */
  readonly name: string;
  readonly entry: DistEntry;
  /** Of those ebuilds that want the file. */
  readonly fetchables: readonly Fetchable[];
  /** Why ebuilds are not known, sentence parts by `app-misc/foo-1`. */
  readonly failures: ReadonlyMap<string, string>;
}

/**
 * "first": as soon as one package tells where the file may be fetched, the others are left; "all": all packages, and
 * ebuilds whose md5-cache entry is but a guess are sourced too.
 */
export type Depth = "first" | "all";

export interface FetchablesDeps {
  /** First tree first. */
  readonly wantedBy: (name: DistfileName) => readonly WantedBy[];
  readonly repositoryAt: (location: string) => Repository | undefined;
  readonly metadata: MetadataReader;
}

function wishOf(name: DistfileName, { pf, metadata }: EbuildWithMetadata): readonly Fetchable[] {
  // Most ebuilds of a large package do not mention the file, and their SRC_URI may be long.
  if (!metadata.srcUri.includes(name)) return [];
  const uris = parseSrcUri(metadata.srcUri, metadata.eapi).files.get(name);
  if (!uris) return [];
  const permission = permissionOfFile(uris, metadata.restrict);
  return [{ pf, homepage: metadata.homepage, permission }];
}

/** Whether there is no need to look further. */
function tells({ permission }: Fetchable): boolean {
  return permission.uris.length > 0 && !permission.fetchRestricted;
}

async function wishesOf(name: DistfileName, opened: PackageMetadata, depth: Depth) {
  const known = opened.known.flatMap((ebuild) => wishOf(name, ebuild));
  const rest = depth === "all" ? [...opened.unknown, ...opened.stale] : opened.unknown;
  if (rest.length === 0 || (depth === "first" && known.some(tells))) return { wishes: known, failures: new Map() };
  const { described, failures } = await opened.evaluate(rest);
  const evaluated = new Set(described.map(({ pf }) => pf));
  const wishes = [
    ...known.filter(({ pf }) => !evaluated.has(pf)),
    ...described.flatMap((ebuild) => wishOf(name, ebuild)),
  ];
  return { wishes, failures };
}

/** The packages that want this content under this name, first tree first. */
export function packagesWanting(
  name: DistfileName,
  content: Digests,
  { wantedBy, repositoryAt }: Pick<FetchablesDeps, "wantedBy" | "repositoryAt">,
) {
  return wantedBy(name).flatMap((by) => {
    const repository = repositoryAt(by.location);
    return repository && contentKey(content) === contentKey(by.entry) ? [{ ...by, repository }] : [];
  });
}

/** @param content only those that want this content count */
export async function findFetchables(
  name: DistfileName,
  content: Digests,
  depth: Depth,
  deps: FetchablesDeps,
): Promise<readonly PackageFetchables[]> {
  const gathered: PackageFetchables[] = [];
  for (const { repository, category, package: packageName, entry } of packagesWanting(name, content, deps)) {
    const opened = await deps.metadata.read(repository, category, packageName);
    const { wishes, failures } = await wishesOf(name, opened, depth);
    gathered.push({
      repository,
      name: `${category}/${packageName}`,
      entry,
      fetchables: wishes,
      failures: new Map([...failures].map(([pf, reason]) => [`${category}/${pf}`, reason])),
    });
    if (depth === "first" && wishes.some(tells)) break;
  }
  return gathered;
}
