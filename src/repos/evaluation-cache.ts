/**
 * Evaluates ebuilds as rarely as possible: concurrent requests for a package share one bash, results are kept in the index,
 * and failures in memory for minutes, so that a hostile ebuild costs its 20 s rarely.
 */
import type { EvaluatedPackage, EvaluationRows } from "../distfile/evaluation-rows.ts";
import type { Clock } from "../lib/clock.ts";
import { reasonOf } from "../lib/error-reason.ts";
import type { Logger } from "../lib/log.ts";
import type { Ebuild, EvaluationFailure } from "./ebuilds.ts";
import type { Evaluation, Evaluator } from "./evaluate.ts";
import { type CachedMetadata, formatEclasses, parseEclasses } from "./formats/md5-cache.ts";

/** A package as one version of its repository has it. */
export interface PackageOnDisk extends EvaluatedPackage {
  /** Real path of `…/CATEGORY/PACKAGE`. */
  readonly folder: string;
  /** Real paths; where several have an eclass, the last one counts. */
  readonly eclassFolders: readonly string[];
  readonly ebuilds: readonly Ebuild[];
  /** What keeps eclasses from being read now; a sentence part. */
  readonly eclassProblem?: string | undefined;
}

export interface EvaluationCacheDeps {
  readonly rows: EvaluationRows;
  /** Returns a sentence part with the reason where nothing can be evaluated. */
  readonly evaluator: () => Promise<Evaluator | string>;
  readonly eclassMd5: (folders: readonly string[], name: string) => Promise<string | undefined>;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface EvaluatedEbuilds {
  readonly metadata: ReadonlyMap<string, CachedMetadata>;
  /** By pf. */
  readonly failures: ReadonlyMap<string, EvaluationFailure>;
}

export interface EvaluationCache {
  /** Returns cached results by pf; the caller compares the checksums. */
  get(pkg: PackageOnDisk): ReadonlyMap<string, CachedMetadata>;
  evaluate(pkg: PackageOnDisk, ebuilds: readonly Ebuild[]): Promise<EvaluatedEbuilds>;
  /** Lets failed ebuilds be evaluated again; to be called when a repository has changed, since an eclass may differ. */
  forgetFailures(): void;
}

/** Stands for an eclass that vanished meanwhile: no file has this MD5, so the result is never valid. */
const NO_MD5 = "0".repeat(32);
const FAILURE_TTL_MS = 10 * 60 * 1000;
/** How long a failure that may pass is kept at first; each time twice as long. */
const PASSING_TTL_MS = 60 * 1000;
const MAX_FAILURES = 10_000;

export function createEvaluationCache({
  rows,
  evaluator,
  eclassMd5,
  clock,
  log,
}: EvaluationCacheDeps): EvaluationCache {
  const running = new Map<string, Promise<EvaluatedEbuilds>>();
  const failed = new Map<string, EvaluationFailure & { readonly at: number; readonly ttlMs: number }>();

  function failureOf(key: string): EvaluationFailure | undefined {
    const failure = failed.get(key);
    const age = clock.now() - (failure?.at ?? 0);
    return failure && age >= 0 && age < failure.ttlMs ? failure : undefined;
  }

  function cacheFailure(key: string, failure: EvaluationFailure): void {
    const beforeMs = failed.get(key)?.ttlMs ?? 0;
    const ttlMs = failure.passing ? Math.min(Math.max(2 * beforeMs, PASSING_TTL_MS), FAILURE_TTL_MS) : FAILURE_TTL_MS;
    failed.delete(key);
    failed.set(key, { ...failure, at: clock.now(), ttlMs });
    const [oldest] = failed.keys();
    if (failed.size > MAX_FAILURES && oldest !== undefined) failed.delete(oldest);
  }

  function put(pkg: PackageOnDisk, results: ReadonlyMap<string, CachedMetadata>): void {
    const entries = [...results].map(([pf, { metadata, md5, eclasses }]) => {
      const { inherited: _inherited, ...kept } = metadata;
      return { pf, md5, eclasses: formatEclasses(eclasses), ...kept };
    });
    try {
      const present = pkg.ebuilds.map(({ pf }) => pf);
      if (entries.length > 0) rows.put(pkg, entries, present);
    } catch (error) {
      // The ebuilds are evaluated again next time.
      log.warn("Cannot store the metadata of {folder} in the index: {error}", { folder: pkg.folder, error });
    }
  }

  function get(pkg: PackageOnDisk): ReadonlyMap<string, CachedMetadata> {
    const results = rows.get(pkg).map(({ pf, md5, eclasses: text, ...metadata }) => {
      const eclasses = parseEclasses(text) ?? new Map<string, string>();
      return [pf, { md5, eclasses, metadata: { ...metadata, inherited: [...eclasses.keys()] } }] as const;
    });
    return new Map(results);
  }

  async function withChecksums({ eclassFolders }: PackageOnDisk, ebuild: Ebuild, evaluation: Evaluation) {
    if (evaluation.kind === "failed") return undefined;
    const { metadata } = evaluation;
    const eclasses = new Map<string, string>();
    for (const name of metadata.inherited) eclasses.set(name, (await eclassMd5(eclassFolders, name)) ?? NO_MD5);
    return { metadata, md5: ebuild.md5, eclasses };
  }

  /** Logs a failure or a complaint of bash. Returns the failure. */
  function logFailure(pkg: PackageOnDisk, ebuild: Ebuild, evaluation: Evaluation): EvaluationFailure | undefined {
    const path = `${pkg.folder}/${ebuild.pf}.ebuild`;
    if (evaluation.kind === "evaluated") {
      const { complaint } = evaluation;
      if (complaint !== undefined) log.warn("Bash complained about {ebuild}: {complaint}", { ebuild: path, complaint });
      return undefined;
    }
    const { interrupted = false, passing = pkg.eclassProblem !== undefined } = evaluation;
    const reason = pkg.eclassProblem === undefined ? evaluation.reason : `${evaluation.reason} (${pkg.eclassProblem})`;
    log.warn("Cannot evaluate {ebuild}: it {reason}", { ebuild: path, reason });
    const failure = { reason, passing: passing || interrupted };
    if (!interrupted) cacheFailure(keyOf(pkg, ebuild), failure);
    return failure;
  }

  async function evaluateNow(pkg: PackageOnDisk, ebuilds: readonly Ebuild[]): Promise<EvaluatedEbuilds> {
    const bash = await evaluator();
    if (typeof bash === "string") {
      return {
        metadata: new Map(),
        failures: new Map(ebuilds.map(({ pf }) => [pf, { reason: bash, passing: false }])),
      };
    }
    const { category, package: name, folder, eclassFolders } = pkg;
    let evaluations: ReadonlyMap<string, Evaluation>;
    try {
      evaluations = await bash.evaluate({ category, package: name, folder, eclassFolders, ebuilds });
    } catch (error) {
      log.warn("Cannot evaluate the ebuilds of {folder}: {error}", { folder, error });
      const failure = { reason: `cannot be evaluated now (${reasonOf(error)})`, passing: true };
      return { metadata: new Map(), failures: new Map(ebuilds.map(({ pf }) => [pf, failure])) };
    }
    const metadata = new Map<string, CachedMetadata>();
    const failures = new Map<string, EvaluationFailure>();
    for (const ebuild of ebuilds) {
      const evaluation: Evaluation = evaluations.get(ebuild.pf) ?? { kind: "failed", reason: "gave no result" };
      const failure = logFailure(pkg, ebuild, evaluation);
      if (failure !== undefined) failures.set(ebuild.pf, failure);
      const result = await withChecksums(pkg, ebuild, evaluation);
      if (result) metadata.set(ebuild.pf, result);
    }
    put(pkg, metadata);
    return { metadata, failures };
  }

  function keyOf({ location, category }: PackageOnDisk, { pf, md5 }: Ebuild): string {
    return `${location}\n${category}/${pf}\n${md5}`;
  }

  return {
    get,
    forgetFailures: () => failed.clear(),
    async evaluate(pkg, ebuilds) {
      const known = ebuilds.flatMap((ebuild) => {
        const failure = failureOf(keyOf(pkg, ebuild));
        return failure === undefined ? [] : [[ebuild.pf, failure] as const];
      });
      const failures = new Map(known);
      const untried = ebuilds.filter(({ pf }) => !failures.has(pf));
      if (untried.length === 0) return { metadata: new Map(), failures };
      const key = untried.map((ebuild) => keyOf(pkg, ebuild)).join("\n\n");
      const done = running.get(key) ?? evaluateNow(pkg, untried).finally(() => running.delete(key));
      running.set(key, done);
      const evaluated = await done;
      return { metadata: evaluated.metadata, failures: new Map([...failures, ...evaluated.failures]) };
    },
  };
}
