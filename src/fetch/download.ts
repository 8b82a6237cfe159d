/**
 * One distfile coming in: sources are asked in turn until it is whole and its digest right.
 * Clients read along through the tail. Nobody leaving ends it; only stop() does.
 */
import { type ComputedDigests, type Digests, hasHash } from "../distfile/digests.ts";
import { NotModifiedError, StoreRefusesError } from "../distfile/errors.ts";
import type { Hasher } from "../distfile/hasher.ts";
import { HOLD_LIMIT_BYTES } from "../distfile/hold-limit.ts";
import type { FileName } from "../distfile/mirror-path.ts";
import type { SourceList } from "../distfile/source.ts";
import { unlessStopped } from "../lib/abort.ts";
import type { Semaphore } from "../lib/semaphore.ts";
import type { Assembly } from "./assembly.ts";
import type { DownloadPlan } from "./download-plan.ts";
import { createPlace } from "./download-slot.ts";
import { type AskDeps, askInTurn } from "./failover.ts";
import { createIncoming } from "./part-writer.ts";
import type { Reader } from "./tail.ts";
import { asUnavailable } from "./trouble.ts";
import { createWhole } from "./whole.ts";

export interface DownloadDeps extends AskDeps {
  /** Room for downloads that wait for their readers. */
  readonly aside: Semaphore;
  readonly hasher: Hasher;
}

export interface Download {
  readonly name: FileName;
  readonly expected: Digests | undefined;
  /** Size of the whole file, once known. */
  readonly size: number | undefined;
  /** Upstream's Last-Modified in milliseconds, once known. */
  readonly lastModifiedAt: number | undefined;
  /** URL that the newest bytes came from; empty before the first. */
  readonly url: string;
  /** Header fields of the answer that the newest bytes came with; undefined before the first. */
  readonly fields: Headers | undefined;
  /** Digests of the whole file, once all of it is here and right; the store may still be about to take it. */
  readonly computed: ComputedDigests | undefined;
  /** Finding out whom to ask, waiting for a free place, or asking. */
  readonly phase: "resolving" | "waiting" | "fetching";
  readonly startedAt: number;
  /** Bytes that are here, from the start of the file without a gap. */
  readonly hereBytes: number;
  /** How many clients read along or are about to. */
  readonly readers: number;
  /** Whether who comes now can read all of it. */
  readonly joinable: boolean;
  /** Whether it is to be put into the store. */
  readonly keeps: boolean;
  /** Whether the file lies in the store now. */
  readonly stored: boolean;
  /**
   * Resolves once the byte at `offset` may be read.
   * @throws {UnavailableError} when no source had the file
   * @throws {NotModifiedError} when by its terms the one that is here already is current
   */
  reached(offset: number): Promise<void>;
  /** @param end the byte after the last one wanted; the file's end where undefined */
  open(start: number, end: number | undefined): Reader;
  /** All bytes, once they are right, read once for all who ask; for files that memory takes, and while `joinable`. */
  whole(): Promise<Blob>;
  /** Keeps the bytes readable until the function given back is called, even after the end. */
  hold(): () => void;
  /** Somebody waits for it from now on, where so far nobody did. */
  urge(): void;
  stop(reason: Error): void;
  /** Resolves once the store has what it can have: after a good verdict has been told to who reads; never rejects. */
  readonly ended: Promise<void>;
  /** Resolves once all bytes are here and right, or will not come: before the disk has taken them for good; never rejects. */
  readonly arrived: Promise<void>;
  /** Resolves when, after that, nobody reads or hashes the bytes any more; never rejects. */
  readonly over: Promise<void>;
}

export function startDownload(plan: DownloadPlan, deps: DownloadDeps): Download {
  const { name, expected, part } = plan;
  const stopper = new AbortController();
  const sha512 = expected !== undefined && hasHash(expected) && expected.blake2b === undefined;
  const total = expected?.size ?? plan.validator?.total;
  const place = createPlace(deps.aside);
  const onHeldUp = place.stepAside;
  const incoming = createIncoming(part, total, { hasher: deps.hasher, sha512, stop: stopper.signal, onHeldUp });
  const assembly: Assembly = {
    name,
    expected,
    incoming,
    loopHeaders: plan.loopHeaders,
    contributions: part.length > 0 ? [{ source: "before", start: 0, end: part.length }] : [],
    suspicions: [],
    validator: plan.validator,
    lastModifiedAt: undefined,
    terms: plan.terms,
    fields: undefined,
    url: "",
    received: 0,
    remember: plan.remember,
  };
  let computed: ComputedDigests | undefined;
  let stored = false;
  let phase: Download["phase"] = "resolving";

  /** What is on disk without a gap stays where it is for who reads it. */
  function passOn(): void {
    incoming.passOn();
    const { position } = incoming;
    const within = assembly.contributions.filter(({ start }) => start < position);
    assembly.contributions = within.map((one) => ({ ...one, end: Math.min(one.end, position) }));
    assembly.suspicions = [];
  }

  async function fetchAll(offer: SourceList): Promise<ComputedDigests> {
    if (!(await unlessStopped(plan.reserve(), stopper.signal))) passOn();
    try {
      return await askInTurn(assembly, offer, deps, stopper.signal);
    } catch (error) {
      if (!(error instanceof StoreRefusesError)) throw error;
      deps.log.debug("{file} is passed on without being stored: {error}", { file: name, error });
      passOn();
      return await askInTurn(assembly, offer, deps, stopper.signal);
    }
  }

  function finish(digests: ComputedDigests): void {
    computed = digests;
    incoming.total = digests.size;
    incoming.tail.finish(digests.size);
  }

  async function store(digests: ComputedDigests): Promise<void> {
    const { lastModifiedAt, url, fields = new Headers() } = assembly;
    stored = !incoming.passing && (await plan.commit({ computed: digests, lastModifiedAt, url, fields }));
  }

  const arrived = Promise.withResolvers<void>();

  async function run(): Promise<void> {
    try {
      const offer = await unlessStopped(plan.offer(), stopper.signal);
      phase = "waiting";
      place.take(await unlessStopped(plan.acquire(), stopper.signal, (late) => late()));
      phase = "fetching";
      const startedAt = performance.now();
      incoming.begin();
      const digests = await fetchAll(offer);
      // The disk takes its time to sync, in which others can use the line.
      place.leave();
      arrived.resolve();
      // Clients wait for the verdict and not for the disk, which may take as long to sync as the bytes took to come; but a
      // file that is answered in one piece is where its headers say it is.
      const storesFirst = plan.storesFirst || digests.size <= HOLD_LIMIT_BYTES;
      if (!storesFirst) finish(digests);
      await store(digests);
      if (storesFirst) finish(digests);
      const milliseconds = Math.round(performance.now() - startedAt);
      const properties = { file: name, bytes: digests.size, milliseconds, source: assembly.url };
      deps.log.info("fetched {file}: {bytes} bytes in {milliseconds} ms from {source}", properties);
    } catch (error) {
      if (error instanceof NotModifiedError) plan.unchanged?.(error);
      incoming.tail.fail(asUnavailable(error, name, stopper.signal, deps.log));
      await incoming.settle().catch((error: unknown) => {
        deps.log.error("Cannot cut the part file of {file} to what counts: {error}", { file: name, error });
      });
    } finally {
      place.leave();
      arrived.resolve();
    }
  }

  const startedAt = deps.clock.now();
  const ended = run();
  return {
    name,
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
    get fields() {
      return assembly.fields;
    },
    get computed() {
      return computed;
    },
    get phase() {
      return phase;
    },
    startedAt,
    get hereBytes() {
      return incoming.position;
    },
    get readers() {
      return incoming.tail.readers;
    },
    get joinable() {
      return incoming.joinable;
    },
    get keeps() {
      return plan.keeps && !incoming.passing;
    },
    get stored() {
      return stored;
    },
    reached: incoming.tail.reached,
    open: incoming.tail.open,
    whole: createWhole(incoming.tail),
    hold: incoming.tail.hold,
    urge: plan.urge,
    stop: (reason) => stopper.abort(reason),
    ended,
    arrived: arrived.promise,
    // Only now: whoever asks again must not find a download that has failed, however long the rest takes.
    over: ended.then(incoming.stop).then(incoming.tail.closed),
  };
}
