/**
 * From what was asked for (names, URIs that emerge printed, packages) to the distfiles that are meant.
 */

import type { FetchRequest } from "../api/action-schemas.ts";
import { type DistfileName, parseDistfileName } from "../distfile/name.ts";
import type { Repository } from "../repos/discover.ts";
import type { VersionFiles } from "../resolver/package-files.ts";
import { isUris, namesInUris } from "./fetch-input.ts";

export interface WishDeps {
  readonly repositories: () => readonly Repository[];
  /** Whether some tree wants it. */
  readonly isWanted: (name: DistfileName) => boolean;
  /** Names in the package's Manifest. */
  readonly namesOf: (location: string, category: string, name: string) => readonly DistfileName[];
  readonly filesOfVersion: (
    repository: Repository,
    category: string,
    name: string,
    version: string,
  ) => Promise<VersionFiles>;
  readonly namesOfUris: (uris: ReadonlySet<string>, signal: AbortSignal) => Promise<ReadonlyMap<string, string>>;
}

/** What was asked for, and why it is nothing that can be fetched. */
export interface Unclear {
  readonly name: string;
  readonly reason: string;
}

export interface Wishes {
  readonly names: ReadonlySet<DistfileName>;
  readonly unclear: readonly Unclear[];
}

/** PMS 3.1.1, 3.1.2. */
const PACKAGE = /^([A-Za-z0-9_][\w.+-]*)\/([A-Za-z0-9_][\w+-]*)$/;

interface Collected {
  readonly names: Set<DistfileName>;
  readonly unclear: Unclear[];
  /** Lines of URIs whose name no tree has. */
  readonly renamed: string[];
}

function addItem(item: string, { names, unclear, renamed }: Collected, deps: WishDeps): void {
  if (!isUris(item)) {
    const name = parseDistfileName(item);
    if (name === undefined) unclear.push({ name: item, reason: "is no name of a distfile" });
    else names.add(name);
    return;
  }
  const known = namesInUris(item)
    .map(parseDistfileName)
    .find((name) => name !== undefined && deps.isWanted(name));
  if (known === undefined) renamed.push(item);
  else names.add(known);
}

/** Looks SRC_URI up where the URI's last part is no name that a tree has. */
async function addRenamed({ names, unclear, renamed }: Collected, deps: WishDeps, signal: AbortSignal): Promise<void> {
  if (renamed.length === 0) return;
  const found = await deps.namesOfUris(new Set(renamed.flatMap((item) => item.split(" "))), signal);
  for (const item of renamed) {
    const name = item.split(" ").flatMap((uri) => found.get(uri) ?? [])[0];
    const parsed = name === undefined ? undefined : parseDistfileName(name);
    if (parsed === undefined) unclear.push({ name: item, reason: "is nothing that a tree has in SRC_URI" });
    else names.add(parsed);
  }
}

interface PackageFiles {
  readonly names: readonly DistfileName[];
  /** Whether there is such a package, or such a version of it. */
  readonly known: boolean;
  readonly failures: readonly string[];
}

async function filesIn(
  repository: Repository,
  [category, name]: readonly [string, string],
  version: string | undefined,
  deps: WishDeps,
): Promise<PackageFiles> {
  const manifest = deps.namesOf(repository.location, category, name);
  if (version === undefined) return { names: manifest, known: manifest.length > 0, failures: [] };
  const { ebuilds, names, failures } = await deps.filesOfVersion(repository, category, name, version);
  return { names: manifest.filter((one) => names.has(one)), known: ebuilds.length > 0, failures };
}

async function addPackage(given: string, version: string | undefined, collected: Collected, deps: WishDeps) {
  const [, category, name] = PACKAGE.exec(given) ?? [];
  if (category === undefined || name === undefined) {
    collected.unclear.push({ name: given, reason: "is no CATEGORY/PACKAGE, such as app-editors/vim" });
    return;
  }
  const found: PackageFiles[] = [];
  for (const repository of deps.repositories()) found.push(await filesIn(repository, [category, name], version, deps));
  for (const one of found.flatMap(({ names }) => names)) collected.names.add(one);
  if (found.some(({ known }) => known)) return;
  const failures = found.flatMap((one) => one.failures);
  const reason = version === undefined ? "has no distfiles in any tree" : `has no version ${version} in any tree`;
  collected.unclear.push({ name: given, reason: failures.length > 0 ? failures.join("; ") : reason });
}

export async function wishesOf(request: FetchRequest, deps: WishDeps, signal: AbortSignal): Promise<Wishes> {
  const collected: Collected = { names: new Set(), unclear: [], renamed: [] };
  for (const item of request.names) addItem(item, collected, deps);
  await addRenamed(collected, deps, signal);
  for (const given of request.packages) await addPackage(given, request.version, collected, deps);
  return collected;
}
