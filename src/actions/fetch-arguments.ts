/**
 * Resolves the arguments of `fetch` (names, paths of mirror files, URIs as emerge prints them,
 * packages) to files.
 */

import type { FetchRequest } from "../api/action-schemas.ts";
import { contentKey, type DistEntry } from "../distfile/digests.ts";
import { type FileName, parseFileName } from "../distfile/mirror-path.ts";
import { type DistfileName, parseDistfileName } from "../distfile/name.ts";
import { type WantedBy, wantedByText } from "../distfile/wanted-by.ts";
import { createSteps } from "../lib/steps.ts";
import type { Repository } from "../repos/discover.ts";
import type { VersionFiles } from "../resolver/package-files.ts";
import { isUris, namesInUris } from "./fetch-input.ts";

export interface ArgumentDeps {
  readonly repositories: () => readonly Repository[];
  /** Entries of the package's Manifest. */
  readonly entriesOf: (location: string, category: string, name: string) => readonly DistEntry[];
  /** The packages that want a file, first repository first. */
  readonly wantedBy: (name: DistfileName) => readonly WantedBy[];
  readonly filesOfVersion: (
    repository: Repository,
    category: string,
    name: string,
    version: string,
  ) => Promise<VersionFiles>;
  readonly namesOfUris: (uris: ReadonlySet<string>, signal: AbortSignal) => Promise<ReadonlyMap<string, string>>;
}

export interface ResolvedArguments {
  readonly names: ReadonlySet<FileName>;
  /** Arguments that name no file, by the reason: lists of hundreds of thousands have few reasons. */
  readonly unresolved: ReadonlyMap<string, readonly string[]>;
}

/** PMS 3.1.1, 3.1.2. */
const PACKAGE = /^([A-Za-z0-9_][\w.+-]*)\/([A-Za-z0-9_][\w+-]*)$/;

interface Collected {
  readonly names: Set<FileName>;
  readonly unresolved: Map<string, string[]>;
  /** URIs whose last part is no known distfile: SRC_URI may rename them. */
  readonly renamed: string[];
}

const NO_FILE_NAME = "is neither the name of a distfile nor a path below snapshots/, releases/ or experimental/";

function addUnresolved(to: Map<string, string[]>, name: string, reason: string): void {
  const names = to.get(reason);
  if (names === undefined) to.set(reason, [name]);
  else names.push(name);
}

function addItem(item: string, { names, unresolved, renamed }: Collected, deps: ArgumentDeps): void {
  if (!isUris(item)) {
    const name = parseFileName(item);
    if (name === undefined) addUnresolved(unresolved, item, NO_FILE_NAME);
    else names.add(name);
    return;
  }
  const known = namesInUris(item)
    .map(parseDistfileName)
    .find((name) => name !== undefined && deps.wantedBy(name).length > 0);
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
  const endStep = createSteps(signal);
  for (const item of renamed) {
    await endStep();
    const name = item.split(" ").flatMap((uri) => found.get(uri) ?? [])[0];
    const parsed = name === undefined ? undefined : parseDistfileName(name);
    if (parsed === undefined) addUnresolved(unresolved, item, "is in no SRC_URI of any repository");
    else names.add(parsed);
  }
}

interface PackageFiles {
  readonly entries: readonly DistEntry[];
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
  const entries = deps.entriesOf(repository.location, category, name);
  if (version === undefined) return { entries, known: entries.length > 0, failures: [] };
  const { ebuilds, names, failures } = await deps.filesOfVersion(repository, category, name, version);
  return { entries: entries.filter((one) => names.has(one.name)), known: ebuilds.length > 0, failures };
}

/** Adds a file of the package, unless its name stands for the other content of another package. */
async function addEntries(
  given: string,
  entries: readonly DistEntry[],
  { names, unresolved }: Collected,
  { wantedBy }: ArgumentDeps,
): Promise<void> {
  const endStep = createSteps();
  for (const [name, own] of Map.groupBy(entries, (entry) => entry.name)) {
    await endStep();
    const [first] = wantedBy(name);
    if (!first || own.some((entry) => contentKey(entry) === contentKey(first.entry))) names.add(name);
    else {
      const reason = `of ${given} is another file than that of ${wantedByText([first]).join()}, which has this name here: it is served by its content hash only`;
      addUnresolved(unresolved, name, reason);
    }
  }
}

async function addPackage(given: string, version: string | undefined, collected: Collected, deps: ArgumentDeps) {
  const [, category, name] = PACKAGE.exec(given) ?? [];
  if (category === undefined || name === undefined) {
    addUnresolved(collected.unresolved, given, "is not CATEGORY/PACKAGE, such as app-editors/vim");
    return;
  }
  const found: PackageFiles[] = [];
  for (const repository of deps.repositories()) found.push(await filesIn(repository, [category, name], version, deps));
  await addEntries(
    given,
    found.flatMap(({ entries }) => entries),
    collected,
    deps,
  );
  if (found.some(({ known }) => known)) return;
  const failures = found.flatMap((one) => one.failures);
  const reason =
    version === undefined ? "has no distfiles in any repository" : `has no version ${version} in any repository`;
  addUnresolved(collected.unresolved, given, failures.length > 0 ? failures.join("; ") : reason);
}

export async function resolveArguments(
  request: FetchRequest,
  deps: ArgumentDeps,
  signal: AbortSignal,
): Promise<ResolvedArguments> {
  const collected: Collected = { names: new Set(), unresolved: new Map(), renamed: [] };
  const endStep = createSteps(signal);
  for (const item of request.names) {
    addItem(item, collected, deps);
    await endStep();
  }
  await addRenamed(collected, deps, signal);
  for (const given of request.packages) await addPackage(given, request.version, collected, deps);
  return collected;
}
