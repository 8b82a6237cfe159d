/**
 * Resolves the arguments of `fetch` (names, paths of mirror files, URIs as emerge prints them,
 * packages) to files.
 */

import type { FetchRequest } from "../api/action-schemas.ts";
import { type FileName, parseFileName } from "../distfile/mirror-path.ts";
import { type DistfileName, parseDistfileName } from "../distfile/name.ts";
import type { Repository } from "../repos/discover.ts";
import type { VersionFiles } from "../resolver/package-files.ts";
import { isUris, namesInUris } from "./fetch-input.ts";

export interface ArgumentDeps {
  readonly repositories: () => readonly Repository[];
  /** Tells whether a Manifest lists the file. */
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

/** An argument that names no file, and why. */
export interface UnresolvedArgument {
  readonly name: string;
  readonly reason: string;
}

export interface ResolvedArguments {
  readonly names: ReadonlySet<FileName>;
  readonly unresolved: readonly UnresolvedArgument[];
}

/** PMS 3.1.1, 3.1.2. */
const PACKAGE = /^([A-Za-z0-9_][\w.+-]*)\/([A-Za-z0-9_][\w+-]*)$/;

interface Collected {
  readonly names: Set<FileName>;
  readonly unresolved: UnresolvedArgument[];
  /** URIs whose last part is no known distfile: SRC_URI may rename them. */
  readonly renamed: string[];
}

function addItem(item: string, { names, unresolved, renamed }: Collected, deps: ArgumentDeps): void {
  if (!isUris(item)) {
    const name = parseFileName(item);
    if (name === undefined)
      unresolved.push({
        name: item,
        reason: "is neither the name of a distfile nor a path below snapshots/, releases/ or experimental/",
      });
    else names.add(name);
    return;
  }
  const known = namesInUris(item)
    .map(parseDistfileName)
    .find((name) => name !== undefined && deps.isWanted(name));
  if (known === undefined) renamed.push(item);
  else names.add(known);
}

/** Looks the URIs up in SRC_URI of all ebuilds, as their files may be renamed there. */
async function addRenamed(
  { names, unresolved, renamed }: Collected,
  deps: ArgumentDeps,
  signal: AbortSignal,
): Promise<void> {
  if (renamed.length === 0) return;
  const found = await deps.namesOfUris(new Set(renamed.flatMap((item) => item.split(" "))), signal);
  for (const item of renamed) {
    const name = item.split(" ").flatMap((uri) => found.get(uri) ?? [])[0];
    const parsed = name === undefined ? undefined : parseDistfileName(name);
    if (parsed === undefined) unresolved.push({ name: item, reason: "is in no SRC_URI of any repository" });
    else names.add(parsed);
  }
}

interface PackageFiles {
  readonly names: readonly DistfileName[];
  /** Whether the package, or this version of it, exists. */
  readonly known: boolean;
  readonly failures: readonly string[];
}

async function filesIn(
  repository: Repository,
  [category, name]: readonly [string, string],
  version: string | undefined,
  deps: ArgumentDeps,
): Promise<PackageFiles> {
  const manifest = deps.namesOf(repository.location, category, name);
  if (version === undefined) return { names: manifest, known: manifest.length > 0, failures: [] };
  const { ebuilds, names, failures } = await deps.filesOfVersion(repository, category, name, version);
  return { names: manifest.filter((one) => names.has(one)), known: ebuilds.length > 0, failures };
}

async function addPackage(given: string, version: string | undefined, collected: Collected, deps: ArgumentDeps) {
  const [, category, name] = PACKAGE.exec(given) ?? [];
  if (category === undefined || name === undefined) {
    collected.unresolved.push({ name: given, reason: "is not CATEGORY/PACKAGE, such as app-editors/vim" });
    return;
  }
  const found: PackageFiles[] = [];
  for (const repository of deps.repositories()) found.push(await filesIn(repository, [category, name], version, deps));
  for (const one of found.flatMap(({ names }) => names)) collected.names.add(one);
  if (found.some(({ known }) => known)) return;
  const failures = found.flatMap((one) => one.failures);
  const reason =
    version === undefined ? "has no distfiles in any repository" : `has no version ${version} in any repository`;
  collected.unresolved.push({ name: given, reason: failures.length > 0 ? failures.join("; ") : reason });
}

export async function resolveArguments(
  request: FetchRequest,
  deps: ArgumentDeps,
  signal: AbortSignal,
): Promise<ResolvedArguments> {
  const collected: Collected = { names: new Set(), unresolved: [], renamed: [] };
  for (const item of request.names) addItem(item, collected, deps);
  await addRenamed(collected, deps, signal);
  for (const given of request.packages) await addPackage(given, request.version, collected, deps);
  return collected;
}
