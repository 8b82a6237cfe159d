/**
 * Downloads one file: finds its sources, waits for a slot, fetches with failover, verifies and stores. Clients read along through
 * the tail. Until it has a slot nothing is opened, and it is dropped when the last client has left; after that a client that leaves
 * does not end it, only stop() does.
 */
import { type ComputedDigests, type Digests, neededAlgorithms } from "../distfile/digests.ts";
import { NotModifiedError, StoreRefusesError, UnavailableError } from "../distfile/errors.ts";
import type { Hasher } from "../distfile/hasher.ts";
import { HOLD_LIMIT_BYTES } from "../distfile/hold-limit.ts";
import type { FileName } from "../distfile/mirror-path.ts";
import type { SourceList } from "../distfile/source.ts";
import { abortable } from "../lib/abort.ts";
import type { Clock } from "../lib/clock.ts";
import { formatBytes } from "../lib/format.ts";
import type { Logger } from "../lib/log.ts";
import type { Slot, Ticket } from "../lib/priority-semaphore.ts";
import type { UpstreamClient } from "../upstream/request.ts";
import { type Assembly, createAssembly, type ExpectedFile } from "./assembly.ts";
import type { DiskPace } from "./disk-pace.ts";
import { yieldIfSlow } from "./download-slot.ts";
import { fetchWithFailover } from "./failover.ts";
import type { FailureLines } from "./failure-lines.ts";
import type { HeldMemory } from "./held-bytes.ts";
import { createPartWriter, type Part } from "./part-writer.ts";
import { createPassthroughBuffer, type LargeBuffers } from "./passthrough-buffer.ts";
import type { RateLimit } from "./rate-limit.ts";
import type { SegmentLimits } from "./segments.ts";
import type { PieceSize } from "./shared-reads.ts";
import { createTail, type Tail } from "./tail.ts";

/** A complete and verified file, to be stored. */
export interface CompletedDownload {
  readonly computed: ComputedDigests;
  /** Upstream's Last-Modified, in milliseconds. */
  readonly lastModifiedAt: number | undefined;
  /** URL that the newest bytes came from. */
  readonly url: string;
  /** Header fields of that response. */
  readonly fields: Headers;
}

/** Which file to download, and what to do with it. */
export interface DownloadPlan extends ExpectedFile {
  /** Whether a client waits for it from the start; else it is wanted whether one does or not. */
  readonly urgent: boolean;
  /** Finds the sources; called before a slot is waited for, as it may take long (an ebuild has to be sourced). */
  findSources(stop: AbortSignal): Promise<SourceList>;
  /** Requests one of the slots for downloads. */
  requestSlot(urgent: boolean): Ticket;
  /** Whether this content is still wanted; asked when all bytes are here and right, before anybody gets the last ones. */
  isWanted(): boolean;
  /** Opens the part file; called once a slot is granted, so that what waits holds no descriptor. */
  openPart(): Part;
  /** Gives the file its final name; resolves with false where it could not be stored, the bytes being right all the same. */
  commit(completed: CompletedDownload): Promise<boolean>;
}

/** A file coming in, for those who read it. */
export interface IncomingFile {
  readonly expected: Digests | undefined;
  /** Size of the whole file, once known. */
  readonly size: number | undefined;
  /** Upstream's Last-Modified in milliseconds, once known. */
  readonly lastModifiedAt: number | undefined;
  /** URL that the newest bytes came from; empty before the first. */
  readonly url: string;
  /** Header fields of the response that the newest bytes came with; undefined before the first. */
  readonly responseFields: Headers | undefined;
  /** Digests of the whole file, once it is complete and right; the store may still be about to take it. */
  readonly computed: ComputedDigests | undefined;
  /** Whether a client that comes now can read all of it. */
  readonly joinable: boolean;
  /** Whether the file is to be stored, as far as the store takes files now; once complete, whether it is stored. */
  readonly willStore: boolean;
  /**
   * Resolves once the byte at `offset` may be read.
   * @throws {UnavailableError} when no source had the file
   * @throws {NotModifiedError} when the stored file is the current one
   */
  readonly reached: Tail["reached"];
  /** Opens a reader; `end` is the byte after the last one wanted, the file's end where undefined. */
  readonly open: Tail["open"];
  /** Reads all bytes once they are right, once for all who ask; for files that fit in memory, and while `joinable`. */
  readonly whole: Tail["whole"];
  /** Keeps the bytes readable until the returned function is called, even after the end. */
  readonly hold: Tail["hold"];
}

/** How far a download is, for those who list them. */
export interface DownloadProgress {
  readonly name: FileName;
  /** Finding sources, waiting for a slot, or fetching. */
  readonly phase: "resolving" | "waiting" | "fetching";
  readonly startedAt: number;
  /** Size of the whole file, once known. */
  readonly size: number | undefined;
  /** Bytes here from the start of the file without a gap. */
  readonly hereBytes: number;
  /** How many clients read along or are about to. */
  readonly readers: number;
}

/** How a download is controlled and waited for. */
export interface DownloadControl {
  /** A client waits for it from now on, where so far none did. */
  raisePriority(): void;
  stop(reason: Error): void;
  /** Resolves once it has a slot, or has ended without one; never rejects. */
  readonly begun: Promise<void>;
  /** Whether the file is in the store now. */
  readonly stored: boolean;
  /** Resolves once all bytes are here and right, or will not come: before the disk has synced them; never rejects. */
  readonly arrived: Promise<void>;
  /** Resolves once the store has what it can have, after readers have got the end; never rejects. */
  readonly ended: Promise<void>;
  /** Resolves when, after that, nobody reads or hashes the bytes any more; never rejects. */
  readonly over: Promise<void>;
}

export interface Download extends IncomingFile, DownloadProgress, DownloadControl {}

/** What all downloads share. */
export interface DownloadDeps {
  readonly hasher: Hasher;
  /** Shared by the readers of all downloads. */
  readonly pieceSize: PieceSize;
  /** Of the disk that they are stored on. */
  readonly diskPace: DiskPace;
  /** Shared by the small files that are held in memory. */
  readonly heldMemory: HeldMemory;
  /** Shared by the files that are passed through. */
  readonly largeBuffers: LargeBuffers;
  readonly limits: SegmentLimits;
  /** Of all downloads together. */
  readonly rateLimit: RateLimit;
  readonly failureLines: FailureLines;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Returns the error that clients get; a failure of our own (a full disk, a damaged index) is logged here. */
function clientError(error: unknown, name: FileName, stop: AbortSignal, log: Logger): Error {
  if (error instanceof UnavailableError || error instanceof NotModifiedError) return error;
  if (!stop.aborted) log.error("Cannot fetch {file}: {error}", { file: name, error });
  const attempt = stop.aborted
    ? ({ source: "this server", kind: "timeout", detail: "is shutting down" } as const)
    : ({ source: "this server", kind: "failed", detail: "cannot store it (see its log)" } as const);
  return new UnavailableError(`No source has ${name}`, [attempt], { cause: error });
}

/** Returns the end of a download that nobody waits for. */
function dropped(name: FileName): UnavailableError {
  const attempt = { source: "this server", kind: "failed", detail: "dropped it, as nobody waited for it" } as const;
  return new UnavailableError(`Nobody waits for ${name} any more`, [attempt]);
}

/** Returns the end of a download whose Manifest said something else by the time it was complete. */
function superseded(name: FileName): UnavailableError {
  const detail = "its Manifest has changed while it came in; try again";
  return new UnavailableError(`The Manifest of ${name} has changed`, [
    { source: "this server", kind: "failed", detail },
  ]);
}

/** Returns the end of a download that was slow while others waited. */
function tooSlow(name: FileName, bytesPerSecond: number): UnavailableError {
  const detail = `got ${formatBytes(bytesPerSecond)}/s while others waited: try again`;
  return new UnavailableError(`${name} comes too slowly`, [{ source: "this server", kind: "timeout", detail }]);
}

/** Creates a download and runs it from now on. */
export function createDownload(plan: DownloadPlan, upstream: UpstreamClient, deps: DownloadDeps): Download {
  const { name, expected, revalidation } = plan;
  const { hasher, limits, clock, log } = deps;
  const stopper = new AbortController();
  const { signal: stop } = stopper;
  const tail = createTail(deps.pieceSize);
  const begun = Promise.withResolvers<void>();
  const arrived = Promise.withResolvers<void>();
  /** Undefined before there is a slot. */
  let assembly: Assembly | undefined;
  let isNamed = false;
  let computed: ComputedDigests | undefined;
  let stored = false;
  /** Whether the store has taken the file, or has not. */
  let settled = false;
  let phase: Download["phase"] = "resolving";
  let { urgent } = plan;
  let ticket: Ticket | undefined;

  /** Bytes on disk without a gap stay there for those who read them. */
  function passThrough(into: Assembly): void {
    into.writer.passThrough();
    const { position } = into.writer;
    const within = into.contributions.filter(({ start }) => start < position);
    into.contributions = within.map((one) => ({ ...one, end: Math.min(one.end, position) }));
    into.suspectRanges = [];
  }

  async function fetchAll(into: Assembly, part: Part, sources: SourceList): Promise<ComputedDigests> {
    const fetchFrom = () => fetchWithFailover(into, sources, limits, deps.failureLines, clock, log);
    if (!(await abortable(part.reserve(), stop))) passThrough(into);
    try {
      return await fetchFrom();
    } catch (error) {
      if (!(error instanceof StoreRefusesError)) throw error;
      log.info("{file} is passed through unstored from here on: {error}", { file: name, error });
      passThrough(into);
      return await fetchFrom();
    }
  }

  function finish({ writer }: Assembly, digests: ComputedDigests): void {
    computed = digests;
    writer.total = digests.size;
    tail.finish(digests.size);
  }

  async function store(from: Assembly, digests: ComputedDigests): Promise<void> {
    const { lastModifiedAt, url, responseFields: fields = new Headers(), writer } = from;
    try {
      await writer.flush();
      stored = !writer.passingThrough && (await plan.commit({ computed: digests, lastModifiedAt, url, fields }));
    } catch (error) {
      if (!(error instanceof StoreRefusesError)) throw error;
      log.info("{file} is not stored: {error}", { file: name, error });
    }
    settled = true;
  }

  /**
   * Clients wait for the hash and not for the disk, which may take as long to sync as the bytes took to come. But a file that would
   * have to be read whole for its answer is sent from where it is stored; and one whose digest file depends on the order of storing
   * is stored by then.
   */
  async function storeAndFinish(from: Assembly, held: boolean, digests: ComputedDigests): Promise<void> {
    if (revalidation !== undefined || (digests.size <= HOLD_LIMIT_BYTES && !held)) {
      await store(from, digests);
      finish(from, digests);
      return;
    }
    const { diskPace } = deps;
    const waitMs = held ? diskPace.worthWaitingMs : 0;
    const rightAt = performance.now();
    const storing = store(from, digests);
    if (waitMs > 0) await Promise.race([storing.catch(() => undefined), clock.sleep(waitMs)]);
    finish(from, digests);
    await storing;
    if (held) diskPace.stored(performance.now() - rightAt);
  }

  /** Holds the bytes of a small file in memory, where nothing of it is on disk. */
  function inMemory(part: Part): Part {
    const isSmall = expected !== undefined && expected.size <= HOLD_LIMIT_BYTES;
    return isSmall && part.length === 0 ? { ...part, held: deps.heldMemory.take(expected.size) } : part;
  }

  async function waitForSlot(): Promise<Slot> {
    phase = "waiting";
    ticket = plan.requestSlot(urgent);
    try {
      return await abortable(ticket.granted, stop, (late) => late.release());
    } finally {
      ticket.leave();
    }
  }

  /** @param onArrived called when all bytes are here and right */
  async function fetchInto(slot: Slot, sources: SourceList, onArrived: () => void): Promise<void> {
    const part = inMemory(plan.openPart());
    const algorithms = neededAlgorithms(expected ? [expected] : []);
    const openBuffer = (start: number) =>
      createPassthroughBuffer(start, expected !== undefined, tail, deps.largeBuffers, slot.yield);
    const writer = createPartWriter(part, tail, hasher, algorithms, stop, openBuffer);
    const rate = deps.rateLimit.enter(() => tail.watched);
    const into = createAssembly(plan, part, writer, upstream, rate, stop);
    isNamed = part.named;
    assembly = into;
    const startedAt = performance.now();
    const unwatch = yieldIfSlow(
      slot,
      { receivedBytes: () => into.receivedBytes, waitedMs: () => rate.waitedMs },
      expected === undefined,
      (bytesPerSecond) => stopper.abort(tooSlow(name, bytesPerSecond)),
    );
    writer.startHolding();
    const digests = await fetchAll(into, part, sources).finally(() => {
      unwatch();
      rate.leave();
    });
    if (!plan.isWanted()) throw superseded(name);
    onArrived();
    await storeAndFinish(into, part.held !== undefined, digests);
    const milliseconds = Math.round(performance.now() - startedAt);
    const properties = { file: name, bytes: digests.size, milliseconds, source: into.url };
    log.info("Fetched {file}: {bytes} bytes in {milliseconds} ms from {source}", properties);
  }

  async function run(): Promise<void> {
    let slot: Slot | undefined;
    // The disk takes its time to sync, in which others can use the line.
    const onArrived = () => {
      slot?.release();
      arrived.resolve();
    };
    try {
      const sources = await abortable(plan.findSources(stop), stop);
      slot = await waitForSlot();
      phase = "fetching";
      begun.resolve();
      await fetchInto(slot, sources, onArrived);
    } catch (error) {
      if (error instanceof NotModifiedError) revalidation?.confirmed(error);
      tail.fail(clientError(error, name, stop, log));
      await assembly?.writer.prepareResume().catch((error: unknown) => {
        log.error("Cannot keep what has come of {file}: {error}", { file: name, error });
      });
    } finally {
      onArrived();
      begun.resolve();
    }
  }

  const startedAt = clock.now();
  const ended = run();
  const { reached, open, whole } = tail;
  return {
    name,
    expected,
    startedAt,
    reached,
    open,
    whole,
    hold() {
      const leave = tail.hold();
      return () => {
        leave();
        if (plan.urgent && phase !== "fetching" && !tail.watched) stopper.abort(dropped(name));
      };
    },
    get size() {
      return assembly ? assembly.writer.total : expected?.size;
    },
    get lastModifiedAt() {
      return assembly?.lastModifiedAt;
    },
    get url() {
      return assembly?.url ?? "";
    },
    get responseFields() {
      return assembly?.responseFields;
    },
    get computed() {
      return computed;
    },
    get phase() {
      return phase;
    },
    get hereBytes() {
      return assembly?.writer.position ?? 0;
    },
    get readers() {
      return tail.readers;
    },
    get joinable() {
      return assembly ? assembly.writer.joinable : !stop.aborted;
    },
    get willStore() {
      if (settled) return stored;
      const isStorable = revalidation?.isStorable(assembly?.responseFields ?? new Headers()) ?? true;
      return isNamed && assembly?.writer.passingThrough === false && isStorable;
    },
    get stored() {
      return stored;
    },
    raisePriority() {
      urgent = true;
      ticket?.raisePriority();
    },
    stop: (reason) => stopper.abort(reason),
    begun: begun.promise,
    ended,
    arrived: arrived.promise,
    // Only now: a client that asks again must not find a download that has failed, however long the rest takes.
    over: ended
      .then(() => assembly?.writer.stop())
      .then(tail.closed)
      .then(() => assembly?.writer.close()),
  };
}
