/**
 * Scans in a thread of their own, so that they never hold up the event loop: one scan after the other, as trees.sqlite has
 * one writer at a time. The thread is there as long as there is something to scan and a moment longer, since it costs some
 * 20 MiB, and 10 ms to start.
 */
import type { ScanReport, ScanRequest } from "../repos/scan.ts";
import type { Scan } from "../repos/scan-schedule.ts";

export interface ThreadRequest {
  /** Of trees.sqlite. */
  readonly path: string;
  readonly request: ScanRequest;
  /** What other repositories have in it goes. */
  readonly repositoryIds: readonly number[];
  /** Whether the file is looked through first: once is enough, and takes 100 ms. */
  readonly check: boolean;
  /** Shared: the scan ends early once the first is not 0. */
  readonly stop: Int32Array;
}

export type ThreadReply =
  /** What is wanted has changed just now. */
  | { readonly kind: "changed" }
  | { readonly kind: "scanned"; readonly report: ScanReport | undefined }
  | { readonly kind: "failed"; readonly reason: string; readonly damaged: boolean }
  /** The scan's file is closed. */
  | { readonly kind: "idle" };

export interface ScanThreadDeps {
  /** Script of scan.worker.ts, wherever the executable keeps it. */
  readonly workerUrl: string;
  readonly treesPath: string;
  readonly repositoryIds: () => readonly number[];
  readonly onChange: () => void;
  /** The file is damaged or gone, and not to be used any more. */
  readonly onDamage: () => void;
}

/** Names that no tree knows come many at a time, and each has the trees looked at. */
const LINGER_MS = 1_000;

export interface ScanThread {
  readonly scan: Scan;
  /** Resolves when scans have ended that are under way, their file is closed, and so is the thread. */
  stop(): Promise<void>;
}

interface Job {
  readonly request: ScanRequest;
  readonly signal: AbortSignal;
  readonly settle: (outcome: ScanReport | Error | undefined) => void;
}

export function createScanThread({
  workerUrl,
  treesPath,
  repositoryIds,
  onChange,
  onDamage,
}: ScanThreadDeps): ScanThread {
  const queue: Job[] = [];
  let thread: Worker | undefined;
  let checked = false;
  let lingering: NodeJS.Timeout | undefined;
  let idle = Promise.withResolvers<void>();
  idle.resolve();

  function end(): void {
    clearTimeout(lingering);
    thread?.terminate();
    thread = undefined;
  }

  /** From now on the process waits for the thread. */
  function begin(): Worker {
    clearTimeout(lingering);
    const worker = thread ?? new Worker(workerUrl);
    thread = worker;
    worker.ref();
    return worker;
  }

  function linger(): void {
    idle.resolve();
    thread?.unref();
    lingering = setTimeout(end, LINGER_MS);
    lingering.unref();
  }

  /** Begins with the first of the queue, which stays there until its file is closed. */
  function next(): void {
    const [job] = queue;
    if (!job) {
      linger();
      return;
    }
    const { request, signal, settle } = job;
    const stop = new Int32Array(new SharedArrayBuffer(4));
    const onAbort = () => Atomics.store(stop, 0, 1);
    if (signal.aborted) onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    const worker = begin();

    function leave(): void {
      signal.removeEventListener("abort", onAbort);
      queue.shift();
      next();
    }

    worker.onmessage = ({ data }: MessageEvent<ThreadReply>) => {
      if (data.kind === "changed") onChange();
      else if (data.kind === "scanned") settle(data.report);
      else if (data.kind === "failed") {
        settle(new Error(data.reason));
        if (data.damaged) onDamage();
      } else leave();
    };
    worker.onerror = ({ message }) => {
      settle(new Error(`the scanning thread ended: ${message}`));
      end();
      leave();
    };
    const message = { path: treesPath, request, repositoryIds: repositoryIds(), check: !checked, stop };
    checked = true;
    worker.postMessage(message satisfies ThreadRequest);
  }

  async function scan(request: ScanRequest, signal: AbortSignal): Promise<ScanReport> {
    signal.throwIfAborted();
    const { promise, resolve: settle } = Promise.withResolvers<ScanReport | Error | undefined>();
    queue.push({ request, signal, settle });
    if (queue.length === 1) {
      idle = Promise.withResolvers();
      next();
    }
    const outcome = await promise;
    signal.throwIfAborted();
    if (outcome instanceof Error) throw outcome;
    if (outcome === undefined) throw new Error("the scan was stopped");
    return outcome;
  }

  return {
    scan,
    async stop() {
      await idle.promise;
      end();
    },
  };
}
