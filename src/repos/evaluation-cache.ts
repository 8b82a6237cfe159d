/**
 * Evaluating ebuilds no more often than need be: many who want one package get one bash, results are remembered in the
 * index, failures for a while in memory, so that a hostile ebuild costs its 20 s once.
 */
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import type { Ebuild } from "./ebuilds.ts";
import type { Evaluation, Evaluator } from "./evaluate.ts";
import { type CachedMetadata, type EbuildMetadata, formatEclasses, parseEclasses } from "./formats/md5-cache.ts";

/** A package in one version of its tree. */
export interface PackageOnDisk {
  /** Of the repository, as configured. */
  readonly location: string;
  readonly category: string;
  readonly package: string;
  /** Real path of `…/CATEGORY/PACKAGE`. */
  readonly folder: string;
  /** Real paths; of two that have an eclass the last holds. */
  readonly eclassFolders: readonly string[];
  /** All its ebuilds. */
  readonly ebuilds: readonly Ebuild[];
}

/** One version as remembered; `eclasses` are NAME\tMD5 pairs, as in md5-cache. */
export interface EvaluationRow extends Omit<EbuildMetadata, "inherited"> {
  readonly pf: string;
  readonly md5: string;
  readonly eclasses: string;
}

export interface EvaluationRows {
  get(place: PackageOnDisk): readonly EvaluationRow[];
  /** Adds rows, and forgets those of versions that are not `present` any more. */
  put(place: PackageOnDisk, rows: readonly EvaluationRow[], present: readonly string[]): void;
}

export interface EvaluationCacheDeps {
  readonly rows: EvaluationRows;
  /** Or why nothing can be evaluated, sentence part. */
  readonly evaluator: () => Promise<Evaluator | string>;
  readonly eclassMd5: (folders: readonly string[], name: string) => Promise<string | undefined>;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface EvaluatedEbuilds {
  readonly metadata: ReadonlyMap<string, CachedMetadata>;
  /** Sentence parts by pf. */
  readonly failures: ReadonlyMap<string, string>;
}

export interface EvaluationCache {
  /** As remembered; the caller compares the checksums. */
  get(place: PackageOnDisk): ReadonlyMap<string, CachedMetadata>;
  evaluate(place: PackageOnDisk, ebuilds: readonly Ebuild[]): Promise<EvaluatedEbuilds>;
  /** A tree changed: what failed may go well now, as an eclass may be another. */
  forgetFailures(): void;
}

/** For an eclass that vanished meanwhile: no file has it, so the result does not hold. */
const GONE = "0".repeat(32);
const FAILED_FOR_MS = 10 * 60 * 1000;
const MAX_FAILURES = 10_000;

export function createEvaluationCache({
  rows,
  evaluator,
  eclassMd5,
  clock,
  log,
}: EvaluationCacheDeps): EvaluationCache {
  const running = new Map<string, Promise<EvaluatedEbuilds>>();
  const failed = new Map<string, { readonly reason: string; readonly at: number }>();

  function failureOf(key: string): string | undefined {
    const failure = failed.get(key);
    const age = clock.now() - (failure?.at ?? 0);
    return age >= 0 && age < FAILED_FOR_MS ? failure?.reason : undefined;
  }

  function rememberFailure(key: string, reason: string): void {
    failed.delete(key);
    failed.set(key, { reason, at: clock.now() });
    const [oldest] = failed.keys();
    if (failed.size > MAX_FAILURES && oldest !== undefined) failed.delete(oldest);
  }

  function remember(place: PackageOnDisk, known: ReadonlyMap<string, CachedMetadata>): void {
    const entries = [...known].map(([pf, { metadata, md5, eclasses }]) => {
      const { inherited: _inherited, ...kept } = metadata;
      return { pf, md5, eclasses: formatEclasses(eclasses), ...kept };
    });
    try {
      const present = place.ebuilds.map(({ pf }) => pf);
      if (entries.length > 0) rows.put(place, entries, present);
    } catch (error) {
      // Then it is evaluated again next time, and that is all.
      log.warn("Cannot remember the metadata of {folder}: {error}", { folder: place.folder, error });
    }
  }

  function remembered(place: PackageOnDisk): ReadonlyMap<string, CachedMetadata> {
    const known = rows.get(place).map(({ pf, md5, eclasses: text, ...metadata }) => {
      const eclasses = parseEclasses(text) ?? new Map<string, string>();
      return [pf, { md5, eclasses, metadata: { ...metadata, inherited: [...eclasses.keys()] } }] as const;
    });
    return new Map(known);
  }

  async function withChecksums({ eclassFolders }: PackageOnDisk, ebuild: Ebuild, evaluation: Evaluation) {
    if (evaluation.kind === "failed") return undefined;
    const { metadata } = evaluation;
    const eclasses = new Map<string, string>();
    for (const name of metadata.inherited) eclasses.set(name, (await eclassMd5(eclassFolders, name)) ?? GONE);
    return { metadata, md5: ebuild.md5, eclasses };
  }

  /** Why it failed, where it did; told in the log. */
  function failureIn(place: PackageOnDisk, ebuild: Ebuild, evaluation: Evaluation): string | undefined {
    const text = `${place.folder}/${ebuild.pf}.ebuild`;
    if (evaluation.kind === "evaluated") {
      const { complaint } = evaluation;
      if (complaint !== undefined) log.warn("Evaluating {ebuild}, bash said: {complaint}", { ebuild: text, complaint });
      return undefined;
    }
    const { reason, blameless } = evaluation;
    log.warn("Cannot evaluate {ebuild}: it {reason}", { ebuild: text, reason });
    if (!blameless) rememberFailure(keyOf(place, ebuild), reason);
    return reason;
  }

  async function run(place: PackageOnDisk, ebuilds: readonly Ebuild[]): Promise<EvaluatedEbuilds> {
    const bash = await evaluator();
    if (typeof bash === "string") {
      return { metadata: new Map(), failures: new Map(ebuilds.map(({ pf }) => [pf, bash])) };
    }
    const { category, package: name, folder, eclassFolders } = place;
    const evaluations = await bash.evaluate({ category, package: name, folder, eclassFolders, ebuilds });
    const metadata = new Map<string, CachedMetadata>();
    const failures = new Map<string, string>();
    for (const ebuild of ebuilds) {
      const evaluation: Evaluation = evaluations.get(ebuild.pf) ?? { kind: "failed", reason: "gave no result" };
      const failure = failureIn(place, ebuild, evaluation);
      if (failure !== undefined) failures.set(ebuild.pf, failure);
      const result = await withChecksums(place, ebuild, evaluation);
      if (result) metadata.set(ebuild.pf, result);
    }
    remember(place, metadata);
    return { metadata, failures };
  }

  function keyOf({ location, category }: PackageOnDisk, { pf, md5 }: Ebuild): string {
    return `${location}\n${category}/${pf}\n${md5}`;
  }

  return {
    get: remembered,
    forgetFailures: () => failed.clear(),
    async evaluate(place, ebuilds) {
      const known = ebuilds.flatMap((ebuild) => {
        const reason = failureOf(keyOf(place, ebuild));
        return reason === undefined ? [] : [[ebuild.pf, reason] as const];
      });
      const failures = new Map(known);
      const fresh = ebuilds.filter(({ pf }) => !failures.has(pf));
      if (fresh.length === 0) return { metadata: new Map(), failures };
      const key = fresh.map((ebuild) => keyOf(place, ebuild)).join("\n\n");
      const done = running.get(key) ?? run(place, fresh).finally(() => running.delete(key));
      running.set(key, done);
      const evaluated = await done;
      return { metadata: evaluated.metadata, failures: new Map([...failures, ...evaluated.failures]) };
    },
  };
}
