/**
 * Computes digests of files in a worker thread, while the files grow or once they are complete. The worker reads by file
 * descriptor: the caller keeps it open until finish() or cancel() has resolved.
 */
import type { ComputedDigests, HashAlgorithm } from "./digests.ts";

export type HashRequest =
  | {
      readonly kind: "open";
      readonly id: number;
      readonly fd: number | undefined;
      readonly algorithms: readonly HashAlgorithm[];
    }
  | { readonly kind: "advance"; readonly id: number; readonly limit: number }
  | { readonly kind: "finish"; readonly id: number; readonly limit: number }
  | { readonly kind: "feed"; readonly id: number; readonly bytes: Uint8Array }
  | { readonly kind: "cancel"; readonly id: number }
  | { readonly kind: "checkpoint"; readonly path: string }
  | { readonly kind: "check"; readonly id: number; readonly path: string };

export type HashReply =
  | ({ readonly id: number } & ComputedDigests)
  | { readonly id: number; readonly fed: true }
  | { readonly id: number; readonly error: string }
  | { readonly id: number; readonly cancelled: true }
  | { readonly id: number; readonly whole: boolean };

export interface HashJob {
  /** The bytes up to here are in the file and will not change. */
  advance(limit: number): void;
  /**
   * Takes bytes that are not in the file, after the last advance(); from then on all bytes have to come this way. Resolves when
   * they are hashed, or when that has failed.
   */
  feed(bytes: Uint8Array): Promise<void>;
  /** Resolves with the digests of the first `size` bytes. @throws {Error} when they can't be read. */
  finish(size: number): Promise<ComputedDigests>;
  /** Resolves once the file is no longer read. */
  cancel(): Promise<void>;
}

export interface Hasher {
  /**
   * @param fd undefined where there is no file, and all is fed
   * @param algorithms to compute beside BLAKE2B
   * @throws {Error} when the thread has ended
   */
  open(fd: number | undefined, algorithms: readonly HashAlgorithm[]): HashJob;
  /** Writes a SQLite database's log back into it (sqlite.org/wal.html): its fsync would hold up the event loop. */
  checkpoint(path: string): void;
  /** Reads all pages of a SQLite database, which takes seconds. Resolves with whether they fit together. */
  isWhole(path: string): Promise<boolean>;
  close(): void;
}

/** @param workerUrl of hash.worker.ts, wherever the executable keeps it */
export function createHasher(workerUrl: string): Hasher {
  const worker = new Worker(workerUrl);
  const waiting = new Map<number, (reply: HashReply) => void>();
  let nextId = 1;
  let death: string | undefined;

  worker.onmessage = (event: MessageEvent<HashReply>) => {
    waiting.get(event.data.id)?.(event.data);
  };
  worker.onerror = (event) => {
    death = `the hashing thread ended: ${event.message}`;
    for (const [id, settle] of waiting) settle({ id, error: death });
  };

  function post(message: HashRequest): void {
    worker.postMessage(message);
  }

  return {
    open(fd, algorithms) {
      if (death !== undefined) throw new Error(`Cannot hash: ${death}`);
      const id = nextId++;
      let settled = false;
      const { promise, resolve } = Promise.withResolvers<HashReply>();
      let feeding: (() => void)[] = [];
      waiting.set(id, (reply) => {
        if ("fed" in reply) {
          feeding.shift()?.();
          return;
        }
        settled = true;
        for (const resume of feeding) resume();
        feeding = [];
        waiting.delete(id);
        resolve(reply);
      });
      post({ kind: "open", id, fd, algorithms });
      return {
        advance(limit) {
          post({ kind: "advance", id, limit });
        },
        async feed(bytes) {
          if (settled) return;
          const fed = new Promise<void>((resolve) => feeding.push(resolve));
          post({ kind: "feed", id, bytes });
          await fed;
        },
        async finish(size) {
          post({ kind: "finish", id, limit: size });
          const reply = await promise;
          if ("error" in reply) throw new Error(`Cannot hash: ${reply.error}`);
          if (!("blake2b" in reply)) throw new Error("Cannot hash: cancelled");
          return reply;
        },
        async cancel() {
          if (settled) return;
          post({ kind: "cancel", id });
          await promise;
        },
      };
    },
    checkpoint(path) {
      if (death === undefined) post({ kind: "checkpoint", path });
    },
    async isWhole(path) {
      const id = nextId++;
      const { promise, resolve } = Promise.withResolvers<HashReply>();
      waiting.set(id, resolve);
      post({ kind: "check", id, path });
      const reply = await promise;
      waiting.delete(id);
      return !("whole" in reply) || reply.whole;
    },
    close() {
      death = "closed";
      worker.terminate();
      for (const [id, settle] of waiting) settle({ id, error: death });
    },
  };
}
