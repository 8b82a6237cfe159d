/**
 * Scans in a thread of their own, so that they never hold up the event loop: one scan after the other, as trees.sqlite has
 * one writer at a time. The thread is there as long as there is something to scan, since each costs some 20 MiB.
 */
import type { ScanReport, ScanRequest } from "../repos/scan.ts";
import type { Scan } from "../repos/tree.ts";

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
  /** The file is damaged, and not to be used any more. */
  readonly onDamage: () => void;
}

interface Job {
  readonly request: ScanRequest;
  readonly signal: AbortSignal;
  readonly settle: (outcome: ScanReport | Error | undefined) => void;
}

export function createScanThread({ workerUrl, treesPath, repositoryIds, onChange, onDamage }: ScanThreadDeps): Scan {
  const queue: Job[] = [];
  let thread: Worker | undefined;
  let checked = false;

  function end(): void {
    thread?.terminate();
    thread = undefined;
  }

  function start(): Worker {
    const worker = new Worker(workerUrl);
    thread = worker;
    return worker;
  }

  /** Begins with the first of the queue, which stays there until its file is closed. */
  function next(): void {
    const [job] = queue;
    if (!job) {
      end();
      return;
    }
    const { request, signal, settle } = job;
    const stop = new Int32Array(new SharedArrayBuffer(4));
    const onAbort = () => Atomics.store(stop, 0, 1);
    if (signal.aborted) onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    const worker = thread ?? start();

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

  return async (request, signal) => {
    signal.throwIfAborted();
    const { promise, resolve: settle } = Promise.withResolvers<ScanReport | Error | undefined>();
    queue.push({ request, signal, settle });
    if (queue.length === 1) next();
    const outcome = await promise;
    signal.throwIfAborted();
    if (outcome instanceof Error) throw outcome;
    if (outcome === undefined) throw new Error("the scan was stopped");
    return outcome;
  };
}
