/**
 * Gathers the request history in memory, where a hit costs it next to nothing, and writes and reads it in a thread. The thread
 * lives while there is something to do and a while longer.
 */
import type { HistoryRecord } from "../distfile/response-outcome.ts";
import type { FileCount, HistoryEntry, HistoryPage, HistoryQuery } from "../index/request-history.ts";
import { removeRequestHistory } from "../index/request-history.ts";
import type { Clock } from "../lib/clock.ts";
import { within } from "../lib/deadline.ts";
import { exists } from "../lib/exists.ts";
import type { Logger } from "../lib/log.ts";
import type { RequestHistory } from "../status/request-history.ts";

export type HistoryTask =
  | { readonly kind: "add"; readonly entries: readonly HistoryEntry[] }
  | { readonly kind: "page"; readonly query: HistoryQuery }
  | { readonly kind: "files"; readonly client: string; readonly most: number }
  | { readonly kind: "forget"; readonly oldest: number; readonly newest: number }
  | { readonly kind: "close" };

export interface HistoryRequest {
  readonly number: number;
  /** Path of requests.sqlite. */
  readonly path: string;
  readonly task: HistoryTask;
}

export type HistoryReply =
  | { readonly number: number; readonly result: unknown }
  | { readonly number: number; readonly problem: string };

export interface RequestHistoryDeps {
  /** Script of request-history.worker.ts inside the executable. */
  readonly workerUrl: string;
  readonly path: string;
  /** How long entries are kept; 0: none are, and those there are go. */
  readonly keepMs: () => number;
  readonly clock: Clock;
  readonly log: Pick<Logger, "warn">;
}

export interface RequestHistoryThread extends RequestHistory {
  /** Writes what is in memory alone, and follows changes of `keepMs`. */
  flush(): void;
  /** Writes what is in memory alone, and ends the thread. */
  stop(): Promise<void>;
}

/** Entries gathered before they are written, and for how long. */
const BATCH = 1_000;
const GATHER_MS = 2_000;
/** Entries that the thread has not written yet: a disk that hangs must not fill the memory. */
const MAX_UNWRITTEN = 20_000;
const LINGER_MS = 20_000;
const FORGET_EVERY_MS = 60 * 60_000;
const FORGET_EVERY_ENTRIES = 20_000;
/** What a clock that was wrong has put further into the future goes. */
const FUTURE_MS = 24 * 60 * 60_000;
const STOP_MS = 2_000;
/** Microseconds: ids do not go back by less, as where more than a thousand requests end in a millisecond. */
const CLOCK_STEP = 1_000_000;

/** Returns the lowest id of an entry of this time. */
export function idAt(ms: number): number {
  return Math.floor(ms) * 1000;
}

export function createRequestHistory(deps: RequestHistoryDeps): RequestHistoryThread {
  const { workerUrl, path, keepMs, clock, log } = deps;
  const waiting = new Map<number, PromiseWithResolvers<unknown>>();
  let thread: Worker | undefined;
  let lingering: NodeJS.Timeout | undefined;
  let gathered: HistoryEntry[] = [];
  let gathering: NodeJS.Timeout | undefined;
  let unwritten = 0;
  let lastNumber = 0;
  let lastId = 0;
  let leftOut = 0;
  let forgotAt = Number.NEGATIVE_INFINITY;
  let addedSince = 0;
  let isFailing = false;
  let isRemoved = false;

  function end(reason: string): void {
    clearTimeout(lingering);
    thread?.terminate();
    thread = undefined;
    for (const { reject } of waiting.values()) reject(new Error(reason));
    waiting.clear();
  }

  function begin(): Worker {
    clearTimeout(lingering);
    if (thread) return thread;
    const worker = new Worker(workerUrl);
    worker.onmessage = ({ data }: MessageEvent<HistoryReply>) => {
      const reply = waiting.get(data.number);
      waiting.delete(data.number);
      if ("problem" in data) reply?.reject(new Error(data.problem));
      else reply?.resolve(data.result);
      if (waiting.size > 0) return;
      worker.unref();
      lingering = setTimeout(() => end("the thread ended"), LINGER_MS);
      lingering.unref();
    };
    worker.onerror = ({ message }) => end(`the thread of the request history ended: ${message}`);
    thread = worker;
    return worker;
  }

  /** @throws {Error} where the history can't be opened, read or written */
  function ask(task: HistoryTask): Promise<unknown> {
    const worker = begin();
    worker.ref();
    const reply = Promise.withResolvers<unknown>();
    const number = ++lastNumber;
    waiting.set(number, reply);
    worker.postMessage({ number, path, task } satisfies HistoryRequest);
    return reply.promise;
  }

  async function write(entries: readonly HistoryEntry[]): Promise<void> {
    unwritten += entries.length;
    try {
      await ask({ kind: "add", entries });
      isFailing = false;
    } catch (error) {
      leftOut += entries.length;
      if (!isFailing)
        log.warn("Cannot write the request history: {error}. Requests are left out until that succeeds.", { error });
      isFailing = true;
    } finally {
      unwritten -= entries.length;
    }
  }

  function forgetOld(now: number): void {
    if (now - forgotAt < FORGET_EVERY_MS && now >= forgotAt && addedSince < FORGET_EVERY_ENTRIES) return;
    if (!exists(path)) return;
    forgotAt = now;
    addedSince = 0;
    const task = { kind: "forget", oldest: idAt(now - keepMs()), newest: idAt(now + FUTURE_MS) } as const;
    // It is tried again, and what can't be written is reported by who writes.
    ask(task).catch(() => undefined);
  }

  function remove(): void {
    gathered = [];
    if (isRemoved) return;
    end("the request history is off");
    removeRequestHistory(path);
    isRemoved = true;
  }

  function writeGathered(): void {
    clearTimeout(gathering);
    gathering = undefined;
    if (gathered.length === 0) return;
    const batch = gathered;
    gathered = [];
    addedSince += batch.length;
    void write(batch);
  }

  function add(record: HistoryRecord): void {
    if (keepMs() === 0) return;
    if (unwritten + gathered.length >= MAX_UNWRITTEN) {
      leftOut++;
      return;
    }
    const id = idAt(clock.now());
    lastId = id <= lastId && lastId - id < CLOCK_STEP ? lastId + 1 : id;
    isRemoved = false;
    gathered.push({ id: lastId, ...record });
    if (gathered.length >= BATCH) writeGathered();
    else gathering ??= setTimeout(writeGathered, GATHER_MS);
  }

  return {
    add,
    isKept: () => keepMs() > 0,
    oldestId: () => idAt(clock.now() - keepMs()),
    get latestId() {
      return lastId;
    },
    get leftOut() {
      return leftOut;
    },
    async page(query) {
      writeGathered();
      return (await ask({ kind: "page", query })) as HistoryPage;
    },
    async filesOf(client, most) {
      writeGathered();
      return (await ask({ kind: "files", client, most })) as readonly FileCount[];
    },
    flush() {
      if (keepMs() === 0) {
        remove();
        return;
      }
      writeGathered();
      forgetOld(clock.now());
    },
    async stop() {
      writeGathered();
      if (thread)
        await within(
          clock,
          STOP_MS,
          ask({ kind: "close" }).catch(() => undefined),
        );
      end("the server stops");
    },
  };
}
