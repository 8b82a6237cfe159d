/**
 * Reads the metadata of a package's ebuilds from metadata/md5-cache, from earlier evaluations, or by sourcing them now. An
 * md5-cache entry is valid while the ebuild and all its eclasses have the MD5s that it was made from (portage:
 * cache/template.py). It is stale where only eclasses differ: usually still right.
 */
import { accessSync, constants } from "node:fs";
import { dirname } from "node:path";
import type { EvaluationRows } from "../distfile/evaluation-rows.ts";
import { mapInBatches } from "../lib/batches.ts";
import type { Clock } from "../lib/clock.ts";
import { reasonOf } from "../lib/error-reason.ts";
import { createEventLoopTurns } from "../lib/event-loop-turns.ts";
import type { Logger } from "../lib/log.ts";
import { createSemaphore } from "../lib/semaphore.ts";
import type { Repository } from "./discover.ts";
import {
  createPackageBudget,
  type Ebuild,
  type EvaluationFailure,
  listEbuilds,
  READ_AT_ONCE,
  readMd5Cache,
  unreadFailure,
} from "./ebuilds.ts";
import type { Evaluator } from "./evaluate.ts";
import { createEvaluationCache } from "./evaluation-cache.ts";
import { createFileCache, md5Of, UnreadableFileError } from "./file-cache.ts";
import type { CachedMetadata, EbuildMetadata } from "./formats/md5-cache.ts";
import type { Masters } from "./masters.ts";
import { createPackageMemory, createPathStates, type PathStates } from "./package-memory.ts";
import { followInside, realPath, type Unreadable, unreadableReason } from "./repository-files.ts";

export interface EbuildWithMetadata {
  readonly pf: string;
  readonly metadata: EbuildMetadata;
}

export interface PackageMetadata {
  /** Ebuilds whose metadata is known without running anything, by stale md5-cache entries too. */
  readonly known: readonly EbuildWithMetadata[];
  /** Ebuilds in `known` whose md5-cache entry was made with other eclasses. */
  readonly stale: readonly Ebuild[];
  /** Ebuilds without metadata. */
  readonly unknown: readonly Ebuild[];
  /** Why ebuilds, or the package's folder, were not read; by pf, or by the package's name. */
  readonly refused: ReadonlyMap<string, EvaluationFailure>;
  /** Sources ebuilds in bash. Failures are by pf. */
  evaluate(ebuilds: readonly Ebuild[]): Promise<{
    readonly evaluated: readonly EbuildWithMetadata[];
    readonly failures: ReadonlyMap<string, EvaluationFailure>;
  }>;
}

export interface MetadataReader {
  read(repository: Repository, category: string, name: string): Promise<PackageMetadata>;
  /** Lets failed ebuilds be evaluated again; to be called when a repository has changed. */
  forgetFailures(): void;
}

export interface MetadataReaderDeps {
  readonly masters: Pick<Masters, "eclassFolders" | "configuration">;
  readonly rows: EvaluationRows;
  /** Returns a sentence part with the reason where nothing can be evaluated. */
  readonly evaluator: () => Promise<Evaluator | string>;
  readonly clock: Clock;
  readonly log: Logger;
}

function withoutEbuilds(refused: ReadonlyMap<string, EvaluationFailure>): PackageMetadata {
  return {
    known: [],
    stale: [],
    unknown: [],
    refused,
    evaluate: async () => ({ evaluated: [], failures: new Map() }),
  };
}

/** How many packages are read at once: each may take its whole byte budget. */
const PACKAGES_AT_ONCE = 1;
/** Files that eclasses of one package may be, looked at: all of ::gentoo has 250 eclasses, and a package a few dozen. */
const MAX_ECLASS_FILES = 2_048;
const OVER_BUDGET = { reason: "is beyond the byte budget of its package", passing: false };

interface EclassFolders {
  readonly folders: readonly string[];
  /** What keeps one of them from being read now. */
  readonly problem: string | undefined;
}

/** Returns real paths, without `eclass` folders that are links out of their repository, or cannot be read now. */
function realFolders(paths: readonly string[]): EclassFolders {
  const folders: string[] = [];
  let problem: string | undefined;
  for (const path of paths) {
    const found = followInside(realPath(dirname(path)), path);
    try {
      if (typeof found === "string") accessSync(found, constants.R_OK | constants.X_OK);
    } catch (error) {
      problem = `${path} cannot be read (${reasonOf(error)})`;
    }
    if (typeof found === "string") folders.push(found);
    else if (found.kind === "unreadable" && found.passing) problem = `${path} ${unreadableReason(found)}`;
  }
  return { folders, problem };
}

function keyOf({ location }: Repository, category: string, name: string): string {
  return `${location}\n${category}/${name}`;
}

/** What was read of a package. */
interface ReadPackage {
  readonly metadata: PackageMetadata;
  /** Whether it stays as it is until a file changes, or bash finds out more: else it is looked for again. */
  readonly lasting: boolean;
}

function charactersOf({ known }: PackageMetadata): number {
  return known.reduce((sum, { metadata }) => sum + metadata.srcUri.length, 0);
}

export function createMetadataReader({ masters, rows, evaluator, clock, log }: MetadataReaderDeps): MetadataReader {
  const eclassMd5s = createFileCache("eclass", md5Of);
  const evaluations = createEvaluationCache({ rows, evaluator, eclassMd5, clock, log });

  async function findEclasses(repository: Repository, states: PathStates): Promise<EclassFolders> {
    states.look(`${repository.location}/metadata/layout.conf`);
    try {
      const folders = await masters.eclassFolders(repository);
      for (const folder of folders) states.look(folder);
      return realFolders(folders);
    } catch (error) {
      if (!(error instanceof UnreadableFileError)) throw error;
      return { ...realFolders([`${repository.location}/eclass`]), problem: error.message };
    }
  }

  /** Returns the MD5 of the eclass in the last folder that has it; undefined where nobody knows. */
  async function eclassMd5(folders: readonly string[], name: string): Promise<string | undefined> {
    try {
      for (const folder of folders.toReversed()) {
        const md5 = await eclassMd5s.get(folder, `${folder}/${name}.eclass`);
        if (md5 !== undefined) return md5;
      }
    } catch (error) {
      if (!(error instanceof UnreadableFileError)) throw error;
    }
    return undefined;
  }

  /** Returns what tells whether metadata was made with the eclasses of a package; each is looked at once. */
  function createEclassCheck(folders: readonly string[], states: PathStates) {
    const md5s = new Map<string, Promise<string | undefined>>();
    function currentMd5(name: string): Promise<string | undefined> {
      const known = md5s.get(name);
      if (known !== undefined) return known;
      // Its ebuilds name eclasses that nobody has: their entries count as stale.
      if ((md5s.size + 1) * folders.length > MAX_ECLASS_FILES) return Promise.resolve(undefined);
      for (const folder of folders) states.look(`${folder}/${name}.eclass`);
      const md5 = eclassMd5(folders, name);
      md5s.set(name, md5);
      return md5;
    }
    return async ({ eclasses }: CachedMetadata): Promise<boolean> => {
      const same = await Promise.all([...eclasses].map(async ([name, md5]) => (await currentMd5(name)) === md5));
      return !same.includes(false);
    };
  }

  /** Returns the best metadata that is known without running anything. */
  async function readCached(
    ebuild: Ebuild,
    read: Promise<CachedMetadata | Unreadable | undefined>,
    earlier: CachedMetadata | undefined,
    hasSameEclasses: (metadata: CachedMetadata) => Promise<boolean>,
  ) {
    const found = await read;
    const unread = found && "kind" in found ? found : undefined;
    const cached = found && "kind" in found ? undefined : found;
    for (const one of [cached, earlier?.md5 === ebuild.md5 ? earlier : undefined]) {
      if (one && (await hasSameEclasses(one))) return { metadata: one.metadata, isStale: false, unread };
    }
    return { metadata: cached?.metadata, isStale: cached !== undefined, unread };
  }

  const slots = createSemaphore(PACKAGES_AT_ONCE);
  const longTurns = createEventLoopTurns(1);
  const reading = new Map<string, Promise<PackageMetadata>>();
  const memory = createPackageMemory<PackageMetadata>();

  async function readPackage(
    repository: Repository,
    category: string,
    name: string,
    states: PathStates,
  ): Promise<ReadPackage> {
    states.look(repository.location);
    // The real path stays one version of the repository, even where a sync switches to the next meanwhile.
    const root = realPath(repository.location);
    const { folders: eclassFolders, problem: eclassProblem } = await findEclasses(repository, states);
    // A link out of the repository would show bash what is there.
    const folder = followInside(root, `${root}/${category}/${name}`);
    if (typeof folder !== "string") {
      const failures = folder.kind === "unreadable" ? [[name, unreadFailure(folder)] as const] : [];
      return { metadata: withoutEbuilds(new Map(failures)), lasting: false };
    }
    const budget = createPackageBudget();
    const { ebuilds, refused: refusedEbuilds } = await listEbuilds(folder, name, budget, states.look, longTurns);
    const refused = new Map(refusedEbuilds);
    const { location } = repository;
    const pkg = { location, category, package: name, folder, eclassFolders, ebuilds, eclassProblem };
    const earlier = evaluations.get(pkg);
    const hasSameEclasses = createEclassCheck(eclassFolders, states);
    const cached = await mapInBatches(ebuilds, READ_AT_ONCE, (ebuild) =>
      readCached(
        ebuild,
        readMd5Cache(root, category, ebuild, budget, states.look, longTurns),
        earlier.get(ebuild.pf),
        hasSameEclasses,
      ),
    );
    const known = ebuilds.flatMap(({ pf }, i) => {
      const metadata = cached[i]?.metadata;
      return metadata ? [{ pf, metadata }] : [];
    });
    const unknown = ebuilds.filter((_, i) => !cached[i]?.metadata);
    /** The md5-cache entries that could not be read now, by pf. */
    const unread = new Map(
      ebuilds.flatMap(({ pf }, i) => (cached[i]?.unread?.passing ? [[pf, cached[i].unread]] : [])),
    );
    // Their md5-cache entries may be among what was not read.
    if (budget.exceeded) for (const { pf } of unknown) refused.set(pf, OVER_BUDGET);
    const metadata: PackageMetadata = {
      known,
      stale: ebuilds.filter((_, i) => cached[i]?.isStale),
      unknown: budget.exceeded ? [] : unknown,
      refused,
      async evaluate(wanted) {
        const { metadata, failures } = await evaluations.evaluate(pkg, wanted);
        // What bash has found out is known from now on.
        if (metadata.size > 0) memory.forget(keyOf(repository, category, name));
        const explained = [...failures].map(([pf, failure]) => {
          const entry = unread.get(pf);
          const reason = `${failure.reason}, and its md5-cache entry ${entry ? unreadableReason(entry) : ""}`;
          return [pf, entry ? { reason, passing: true } : failure] as const;
        });
        const evaluated = [...metadata].map(([pf, result]) => ({ pf, metadata: result.metadata }));
        return { evaluated, failures: new Map(explained) };
      },
    };
    const isPassing =
      eclassProblem !== undefined || unread.size > 0 || [...refused.values()].some(({ passing }) => passing);
    return { metadata, lasting: !isPassing };
  }

  return {
    forgetFailures: evaluations.forgetFailures,
    async read(repository, category, name) {
      const key = keyOf(repository, category, name);
      const configuration = masters.configuration();
      const known = await memory.get(key, configuration);
      if (known) return known;
      const read = async () => {
        const release = await slots.acquire();
        const states = createPathStates();
        const { metadata, lasting } = await readPackage(repository, category, name, states).finally(release);
        if (lasting) memory.put(key, configuration, metadata, states, charactersOf(metadata));
        return metadata;
      };
      const done = reading.get(key) ?? read().finally(() => reading.delete(key));
      reading.set(key, done);
      return await done;
    },
  };
}
