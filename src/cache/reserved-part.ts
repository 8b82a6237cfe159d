/**
 * The part file of a download with the room that it was promised. Whatever the disk or the limits refuse is a
 * StoreRefusesError here: the download goes on without being stored, and what was written is given back.
 */
import { StoreRefusesError } from "../distfile/errors.ts";
import type { FileName } from "../distfile/mirror-path.ts";
import type { Reservation } from "../distfile/reservation.ts";
import type { Part } from "../fetch/part-writer.ts";
import { reasonOf } from "../lib/error-reason.ts";
import type { PartFile } from "../store/part-file.ts";
import type { Store } from "../store/store.ts";
import { createGrowingReservation } from "./promised.ts";

export interface ReservedPartDeps {
  readonly store: Pick<Store, "openPart">;
  /** Room for a file of so many bytes, made if need be; undefined where it can't be had. */
  readonly reserve: (bytes: number) => Promise<Reservation | undefined>;
  /** Told when the store does not take bytes. */
  readonly onStoreTrouble: (error: unknown) => void;
}

export interface ReservedPart {
  /** As a download writes it. */
  readonly part: Pick<Part, "fd" | "length" | "write" | "mark" | "truncate">;
  /** To be given its final name; undefined where it has no name to begin with. */
  readonly named: PartFile | undefined;
  /** Asks for room for the whole file. Resolves with whether it was had. */
  reserve(bytes: number): Promise<boolean>;
  /** What is on disk is worth nothing. */
  markBad(): void;
  /** The download has ended; `keep` leaves the bytes for another one to go on from, if they are worth that. */
  leave(keep: boolean): void;
  /** Nobody reads it any more. */
  close(): Promise<void>;
}

const OUT_OF_SPACE = new Set(["ENOSPC", "EDQUOT"]);
/** Asked for beside the bytes that did not fit: the disk is shared with others. */
const SPARE_BYTES = 4 * 1024 * 1024;

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}

function open(name: FileName, resume: ((length: number) => boolean) | undefined, deps: ReservedPartDeps) {
  try {
    return deps.store.openPart(name, resume);
  } catch (error) {
    deps.onStoreTrouble(error);
    return undefined;
  }
}

/** @param resume as Store.openPart has it */
export function openReservedPart(
  name: FileName,
  resume: ((length: number) => boolean) | undefined,
  deps: ReservedPartDeps,
): ReservedPart {
  const file = open(name, resume, deps);
  const promised = createGrowingReservation(deps.reserve);
  let spoilt = false;

  function refuse(error: unknown): StoreRefusesError {
    spoilt = true;
    deps.onStoreTrouble(error);
    return new StoreRefusesError(`Cannot store ${name}: ${reasonOf(error)}`, { cause: error });
  }

  async function orRefused<T>(act: (file: PartFile) => Promise<T>): Promise<T> {
    if (!file) throw new StoreRefusesError(`Cannot store ${name}: it has no part file`);
    try {
      return await act(file);
    } catch (error) {
      throw refuse(error);
    }
  }

  /** Once more after something was removed, where that is what it takes. */
  async function write(bytes: Uint8Array, position: number, into: PartFile): Promise<void> {
    try {
      await into.write(bytes, position);
    } catch (error) {
      const spare = OUT_OF_SPACE.has(codeOf(error)) ? await deps.reserve(bytes.length + SPARE_BYTES) : undefined;
      if (!spare) throw error;
      try {
        await into.write(bytes, position);
      } finally {
        spare.release();
      }
    }
  }

  return {
    part: {
      fd: file?.fd,
      length: file?.length ?? 0,
      async write(bytes, position, total) {
        if (!(await promised.upTo(position + bytes.length, total))) {
          throw new StoreRefusesError(`Cannot store ${name}: there is no room for more of it`);
        }
        await orRefused((into) => write(bytes, position, into));
        promised.wrote(bytes.length);
      },
      mark: (front, total) => orRefused((into) => into.mark(front, total)),
      truncate: (length) => orRefused((into) => into.truncate(length)),
    },
    named: file?.named ? file : undefined,
    async reserve(bytes) {
      if (!file || !(await promised.whole(bytes))) return false;
      promised.wrote(file.length);
      return true;
    },
    markBad() {
      spoilt = true;
    },
    leave(keep) {
      promised.release();
      file?.leave(keep && !spoilt);
    },
    close: async () => await file?.close(),
  };
}
