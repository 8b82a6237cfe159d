/**
 * One distfile coming in: sources are asked in turn until it is whole and its digest right.
 * Clients read along through the tail. Nobody leaving ends it; only stop() does.
 */
import { type ComputedDigests, type Digests, hasHash } from "../distfile/digests.ts";
import { type Attempt, SourceError, UnavailableError } from "../distfile/errors.ts";
import type { DistfileName } from "../distfile/name.ts";
import type { Logger } from "../lib/log.ts";
import { type Assembly, judge, takeFrom, type Validator } from "./assembly.ts";
import type { Hasher } from "./hasher.ts";
import { createIncoming, type Part } from "./incoming.ts";
import { createRounds, type Rounds } from "./rounds.ts";
import type { Source } from "./source.ts";
import { unlessStopped } from "./stop.ts";
import type { Reader } from "./tail.ts";
import type { UpstreamSettings } from "./upstream.ts";

export interface Finished {
  readonly computed: ComputedDigests;
  /** Upstream's Last-Modified, in milliseconds. */
  readonly lastModifiedAt: number | undefined;
  /** URL that the last piece came from. */
  readonly url: string;
}

export interface DownloadPlan {
  readonly name: DistfileName;
  /** What a Manifest says; undefined where no tree knows the name. */
  readonly expected: Digests | undefined;
  readonly part: Part;
  readonly validator: Validator | undefined;
  /** Whether commit() means to put it into the store. */
  readonly keeps: boolean;
  readonly loopHeaders: Readonly<Record<string, string>>;
  /** Waits for a free place, and gives the function that frees it. */
  acquire(): Promise<() => void>;
  /** In the order to ask them. */
  sources(): Promise<readonly Source[]>;
  remember(validator: Validator): void;
  /** Gives the file its final name; false where it could not be kept, the bytes being right all the same. */
  commit(finished: Finished): Promise<boolean>;
}

export interface DownloadDeps {
  readonly hasher: Hasher;
  readonly settings: UpstreamSettings;
  readonly log: Logger;
}

export interface Download {
  readonly expected: Digests | undefined;
  /** Size of the whole file, once known. */
  readonly size: number | undefined;
  /** Upstream's Last-Modified in milliseconds, once known. */
  readonly lastModifiedAt: number | undefined;
  /** URL that the newest bytes came from; empty before the first. */
  readonly url: string;
  /** Digests of the whole file, once all of it is here and right. */
  readonly computed: ComputedDigests | undefined;
  /** Whether it is to be put into the store. */
  readonly keeps: boolean;
  /** Whether the file lies in the store now. */
  readonly stored: boolean;
  /** Resolves once the byte at `offset` may be read. @throws {UnavailableError} when no source had the file */
  reached(offset: number): Promise<void>;
  /** @param end the byte after the last one wanted; the file's end where undefined */
  open(start: number, end: number | undefined): Reader;
  /** Keeps the bytes readable until the function given back is called, even after the end. */
  hold(): () => void;
  stop(reason: Error): void;
  /** Resolves as soon as the verdict is there, good or bad; never rejects. */
  readonly ended: Promise<void>;
  /** Resolves when, after that, nobody reads or hashes the bytes any more; never rejects. */
  readonly over: Promise<void>;
}

const PAUSE_BEFORE_SECOND_ROUND_MS = 500;

/** What came of the sources, for whoever has to explain it. */
type Attempts = Map<Source, Attempt>;

function note(attempts: Attempts, source: Source, kind: Attempt["kind"], detail: string): void {
  attempts.set(source, { source: source.label, kind, detail });
  source.report(kind === "absent" ? undefined : detail);
}

/** Whether it can be asked once more in this download: silence is not worth a second wait, resets are. */
function isFinal(error: SourceError, bytes: number): boolean {
  return error.kind === "absent" || error.kind === "bad" || (error.kind === "timeout" && bytes === 0);
}

async function tryFrom(
  assembly: Assembly,
  source: Source,
  rounds: Rounds<Source>,
  attempts: Attempts,
  deps: DownloadDeps,
  stop: AbortSignal,
): Promise<ComputedDigests | undefined> {
  const before = assembly.received;
  const file = assembly.name;
  try {
    await takeFrom(assembly, source, deps.settings, stop);
  } catch (error) {
    if (!(error instanceof SourceError) || stop.aborted) throw error;
    if (isFinal(error, assembly.received - before)) rounds.exclude(source);
    note(attempts, source, error.kind, error.message);
    const properties = { source: source.label, file, detail: error.message };
    if (error.kind === "absent") deps.log.debug("{source} has no {file}: {detail}", properties);
    else deps.log.warn("{source} failed for {file}: {detail}", properties);
    return undefined;
  }
  const verdict = await judge(assembly);
  if (verdict.kind === "right") {
    source.report(undefined);
    return verdict.computed;
  }
  if (verdict.kind === "liar") {
    rounds.exclude(verdict.source);
    note(attempts, verdict.source, "bad", "has other bytes than the Manifest says");
    deps.log.warn("{source} has other bytes for {file} than the Manifest says", { source: source.label, file });
  } else {
    rounds.mixed(verdict.last);
    deps.log.warn("{file} came out wrong from several sources or an old part file, starting over", { file });
  }
  return undefined;
}

async function fetchWhole(
  assembly: Assembly,
  sources: readonly Source[],
  deps: DownloadDeps,
  stop: AbortSignal,
): Promise<ComputedDigests> {
  const rounds = createRounds(sources);
  const attempts: Attempts = new Map();
  for (;;) {
    const source = rounds.next(assembly.received);
    if (!source) throw new UnavailableError(`No source has ${assembly.name}`, [...attempts.values()]);
    if (rounds.again) await unlessStopped(Bun.sleep(PAUSE_BEFORE_SECOND_ROUND_MS), stop);
    const computed = await tryFrom(assembly, source, rounds, attempts, deps, stop);
    if (computed) return computed;
  }
}

/** What went wrong as clients are told; trouble of our own (a full disk, a damaged index) is logged here. */
function asUnavailable(error: unknown, name: DistfileName, stop: AbortSignal, log: Logger): Error {
  if (error instanceof UnavailableError) return error;
  const options = { cause: error };
  if (stop.aborted) {
    const attempt = { source: "this server", kind: "timeout", detail: "is shutting down" } as const;
    return new UnavailableError(`No source has ${name}`, [attempt], options);
  }
  log.error("Cannot fetch {file}: {error}", { file: name, error });
  const attempt = { source: "this server", kind: "failed", detail: "cannot take it, its log says why" } as const;
  return new UnavailableError(`No source has ${name}`, [attempt], options);
}

export function startDownload(plan: DownloadPlan, deps: DownloadDeps): Download {
  const { name, expected, part } = plan;
  const stopper = new AbortController();
  const sha512 = expected !== undefined && hasHash(expected) && expected.blake2b === undefined;
  const incoming = createIncoming(part, deps.hasher, sha512, expected?.size ?? plan.validator?.total);
  const assembly: Assembly = {
    name,
    expected,
    incoming,
    loopHeaders: plan.loopHeaders,
    contributors: new Set(part.length > 0 ? ["before" as const] : []),
    validator: plan.validator,
    lastModifiedAt: undefined,
    url: "",
    received: 0,
    remember: plan.remember,
  };
  let computed: ComputedDigests | undefined;
  let stored = false;

  async function run(): Promise<void> {
    let release = () => {};
    try {
      release = await unlessStopped(plan.acquire(), stopper.signal, (late) => late());
      const startedAt = performance.now();
      incoming.begin();
      const digests = await fetchWhole(assembly, await plan.sources(), deps, stopper.signal);
      const { lastModifiedAt, url } = assembly;
      stored = await plan.commit({ computed: digests, lastModifiedAt, url });
      computed = digests;
      incoming.total = digests.size;
      incoming.tail.finish(digests.size);
      const milliseconds = Math.round(performance.now() - startedAt);
      const properties = { file: name, bytes: digests.size, milliseconds, source: url };
      deps.log.info("fetched {file}: {bytes} bytes in {milliseconds} ms from {source}", properties);
    } catch (error) {
      incoming.tail.fail(asUnavailable(error, name, stopper.signal, deps.log));
    } finally {
      release();
    }
  }

  const ended = run();
  return {
    expected,
    get size() {
      return incoming.total;
    },
    get lastModifiedAt() {
      return assembly.lastModifiedAt;
    },
    get url() {
      return assembly.url;
    },
    get computed() {
      return computed;
    },
    keeps: plan.keeps,
    get stored() {
      return stored;
    },
    reached: incoming.tail.reached,
    open: incoming.tail.open,
    hold: incoming.tail.hold,
    stop: (reason) => stopper.abort(reason),
    ended,
    // Only now: whoever asks again must not find a download that has failed, however long the rest takes.
    over: ended.then(incoming.stop).then(incoming.tail.closed),
  };
}
