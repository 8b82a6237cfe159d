/**
 * Digests of files, computed in a worker thread while they grow or once they lie whole.
 * The worker reads by file descriptor: whoever hands one over keeps it open until finish() or cancel() is through.
 */
import type { ComputedDigests } from "../distfile/digests.ts";

export type HashRequest =
  | { readonly kind: "open"; readonly id: number; readonly fd: number; readonly sha512: boolean }
  | { readonly kind: "advance"; readonly id: number; readonly limit: number }
  | { readonly kind: "finish"; readonly id: number; readonly limit: number }
  | { readonly kind: "cancel"; readonly id: number };

export type HashReply =
  | ({ readonly id: number } & ComputedDigests)
  | { readonly id: number; readonly error: string }
  | { readonly id: number; readonly cancelled: true };

export interface HashJob {
  /** Bytes up to here are in the file and will not change. */
  advance(limit: number): void;
  /** The digests of the first `size` bytes. @throws {Error} when they can't be read. */
  finish(size: number): Promise<ComputedDigests>;
  /** Resolves once the file is no longer read. */
  cancel(): Promise<void>;
}

export interface Hasher {
  /** @throws {Error} when the thread has ended. */
  open(fd: number, options: { readonly sha512: boolean }): HashJob;
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
    open(fd, { sha512 }) {
      if (death !== undefined) throw new Error(`Cannot hash: ${death}`);
      const id = nextId++;
      let settled = false;
      const { promise, resolve } = Promise.withResolvers<HashReply>();
      waiting.set(id, (reply) => {
        settled = true;
        waiting.delete(id);
        resolve(reply);
      });
      post({ kind: "open", id, fd, sha512 });
      return {
        advance(limit) {
          post({ kind: "advance", id, limit });
        },
        async finish(size) {
          post({ kind: "finish", id, limit: size });
          const reply = await promise;
          if ("error" in reply) throw new Error(`Cannot hash: ${reply.error}`);
          if ("cancelled" in reply) throw new Error("Cannot hash: cancelled");
          return reply;
        },
        async cancel() {
          if (settled) return;
          post({ kind: "cancel", id });
          await promise;
        },
      };
    },
    close() {
      death = "closed";
      worker.terminate();
      for (const [id, settle] of waiting) settle({ id, error: death });
    },
  };
}
