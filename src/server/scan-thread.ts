/**
 * Runs scans in a worker thread, so that they never block the event loop: one after the other, as trees.sqlite has one writer at
 * a time. The thread lives while there is something to scan and a while longer: it takes about 20 MiB, and 10 ms to start.
 */
import type { ScanReport, ScanRequest } from "../repos/scan.ts";
import type { Scan } from "../repos/scan-schedule.ts";

export interface ThreadRequest {
  /** Path of trees.sqlite. */
  readonly path: string;
  readonly request: ScanRequest;
  /** Rows of all other repositories are removed. */
  readonly repositoryIds: readonly number[];
  /** Whether to check the file for damage first: takes 100 ms, once is enough. */
  readonly check: boolean;
  /** Shared memory: the scan stops once the first element is not 0. */
  readonly stop: Int32Array;
}

export type ThreadReply =
  /** The rows of wanted files have just changed. */
  | { readonly kind: "changed" }
  /** So many packages have been read by now. */
  | { readonly kind: "reading"; readonly packages: number }
  | { readonly kind: "scanned"; readonly report: ScanReport | undefined }
  | { readonly kind: "failed"; readonly reason: string; readonly damaged: boolean }
  /** The file is closed. */
  | { readonly kind: "idle" };

export interface ScanThreadDeps {
  /** Script of scan.worker.ts inside the executable. */
  readonly workerUrl: string;
  readonly manifestsPath: string;
  readonly repositoryIds: () => readonly number[];
  readonly onChange: () => void;
  /** Called when the file is damaged or gone, and must not be used any more. */
  readonly onDamage: () => void;
}

/** Misses come in bursts, and each may cause a scan: of a name that no repository knows, or where there are no markers. */
const LINGER_MS = 20_000;

export interface ScanThread {
  readonly scan: Scan;
  /** Resolves when the scans under way have ended, the file is closed and the thread gone. */
  stop(): Promise<void>;
}

interface Job {
  readonly request: ScanRequest;
  readonly signal: AbortSignal;
  readonly onReading: ((packages: number) => void) | undefined;
  readonly settle: (outcome: ScanReport | Error | undefined) => void;
}

export function createScanThread({
  workerUrl,
  manifestsPath,
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

  /** Keeps the process alive for the thread. */
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

  /** Starts the first job of the queue, which stays there until the file is closed. */
  function next(): void {
    const [job] = queue;
    if (!job) {
      linger();
      return;
    }
    const { request, signal, onReading, settle } = job;
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

    function fail({ reason, damaged }: Extract<ThreadReply, { kind: "failed" }>): void {
      settle(new Error(reason));
      if (damaged) onDamage();
    }

    worker.onmessage = ({ data }: MessageEvent<ThreadReply>) => {
      if (data.kind === "changed") onChange();
      else if (data.kind === "reading") onReading?.(data.packages);
      else if (data.kind === "scanned") settle(data.report);
      else if (data.kind === "failed") fail(data);
      else leave();
    };
    worker.onerror = ({ message }) => {
      settle(new Error(`the scanning thread ended: ${message}`));
      end();
      leave();
    };
    const message = { path: manifestsPath, request, repositoryIds: repositoryIds(), check: !checked, stop };
    checked = true;
    worker.postMessage(message satisfies ThreadRequest);
  }

  const scan: Scan = async (request, signal, onReading) => {
    signal.throwIfAborted();
    const { promise, resolve: settle } = Promise.withResolvers<ScanReport | Error | undefined>();
    queue.push({ request, signal, onReading, settle });
    if (queue.length === 1) {
      idle = Promise.withResolvers();
      next();
    }
    const outcome = await promise;
    signal.throwIfAborted();
    if (outcome instanceof Error) throw outcome;
    if (outcome === undefined) throw new Error("the scan was stopped");
    return outcome;
  };

  return {
    scan,
    async stop() {
      await idle.promise;
      end();
    },
  };
}
