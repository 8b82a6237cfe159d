/**
 * The bytes of one download on their way to disk: part file, running hash and tail kept in step.
 * Knows nothing of sources.
 */
import type { ComputedDigests } from "../distfile/digests.ts";
import type { Hasher, HashJob } from "./hasher.ts";
import { HOLD_MS, releasable } from "./hold.ts";
import { createTail, type Tail } from "./tail.ts";

/** A part file, as the store opens it. */
export interface Part {
  readonly fd: number;
  /** Bytes that were there when it was opened. */
  readonly length: number;
  write(bytes: Uint8Array, position: number): Promise<void>;
  /** Starts over with an empty file. */
  truncate(): Promise<void>;
}

export interface Incoming {
  readonly tail: Tail;
  /** Bytes on disk from the start without a gap. */
  readonly position: number;
  /** Size of the whole file as far as it is known. */
  total: number | undefined;
  /** From now on the time counts for which a small file is held. */
  begin(): void;
  append(bytes: Uint8Array): Promise<void>;
  /** Forgets all bytes; readers that had some break off. */
  restart(): Promise<void>;
  /** Digests of all bytes. */
  digest(): Promise<ComputedDigests>;
  /** Stops hashing and the clock; the part file may be closed after that. */
  stop(): Promise<void>;
}

export function createIncoming(part: Part, hasher: Hasher, sha512: boolean, total: number | undefined): Incoming {
  const tail = createTail(part.fd);
  let position = part.length;
  let overdue = false;
  let job: HashJob = hasher.open(part.fd, { sha512 });
  if (position > 0) job.advance(position);

  let timer: NodeJS.Timeout | undefined;

  function beOverdue(): void {
    overdue = true;
    tail.release(releasable({ position, total: incoming.total, overdue }));
  }

  const incoming: Incoming = {
    tail,
    total,
    get position() {
      return position;
    },
    begin() {
      timer = setTimeout(beOverdue, HOLD_MS);
    },
    async append(bytes) {
      await part.write(bytes, position);
      position += bytes.length;
      job.advance(position);
      tail.release(releasable({ position, total: incoming.total, overdue }));
    },
    async restart() {
      tail.restart();
      await job.cancel();
      await part.truncate();
      position = 0;
      job = hasher.open(part.fd, { sha512 });
    },
    digest() {
      return job.finish(position);
    },
    async stop() {
      clearTimeout(timer);
      await job.cancel();
    },
  };
  return incoming;
}
