/**
 * Opens the part file of a download, with the room reserved for it. What the disk or the limits refuse is a StoreRefusesError: the
 * download goes on without being stored, and what was written is given back.
 */
import { StoreRefusesError } from "../distfile/errors.ts";
import type { FileName } from "../distfile/mirror-path.ts";
import type { Reservation } from "../distfile/reservation.ts";
import type { Part } from "../fetch/part-writer.ts";
import { codeOf, reasonOf } from "../lib/error-reason.ts";
import type { PartFile } from "../store/part-file.ts";
import type { Store } from "../store/store.ts";

/** Reserves room for a file of so many bytes, made if need be; undefined where it can't be had. */
type Reserve = (bytes: number) => Promise<Reservation | undefined>;

export interface ReservedPart {
  /** The file as a download writes it. */
  readonly part: Pick<Part, "fd" | "length" | "write" | "mark" | "truncate">;
  /** The file to be stored under its name; undefined where it has none to begin with. */
  readonly named: PartFile | undefined;
  /** Reserves room for the whole file. Resolves with whether it was had. */
  reserve(bytes: number): Promise<boolean>;
  /** The bytes on disk are not to be trusted. */
  markBad(): void;
  /** The download has ended; `keep` leaves the bytes for another one to resume, unless they are bad. */
  leave(keep: boolean): void;
  /** Nobody reads the file any more. */
  close(): Promise<void>;
}

const OUT_OF_SPACE = new Set(["ENOSPC", "EDQUOT"]);
/** Reserved beside the bytes that did not fit: the disk is shared with others. */
const SPARE_BYTES = 4 * 1024 * 1024;
/** Reserved at once for a file whose size is not known. */
const GROWTH_BYTES = 16 * 1024 * 1024;

/** Room that is reserved as a whole before a file comes in, or step by step while it grows. */
function createGrowingReservation(reserve: Reserve) {
  const held: Reservation[] = [];
  let reservedBytes = 0;
  let released = false;

  /** Resolves with whether the room was had. */
  async function grow(bytes: number): Promise<boolean> {
    const reservation = await reserve(bytes);
    if (!reservation) return false;
    if (released) {
      reservation.release();
      return false;
    }
    held.push(reservation);
    reservedBytes += bytes;
    return true;
  }

  return {
    grow,
    /** Grows to that position before it is written, but to no more than the whole file where its size is known by now. */
    async growTo(position: number, total = Number.POSITIVE_INFINITY): Promise<boolean> {
      const step = Math.min(GROWTH_BYTES, total - reservedBytes);
      return position <= reservedBytes || (await grow(Math.max(position - reservedBytes, step)));
    },
    wrote: (bytes: number) => held.at(-1)?.wrote(bytes),
    release() {
      released = true;
      for (const reservation of held.splice(0)) reservation.release();
    },
  };
}

/**
 * @param resume as Store.openPart has it
 * @param onStoreTrouble called when the store does not take bytes
 */
export function openReservedPart(
  name: FileName,
  resume: ((length: number) => boolean) | undefined,
  store: Pick<Store, "openPart">,
  reserve: Reserve,
  onStoreTrouble: (error: unknown) => void,
): ReservedPart {
  const room = createGrowingReservation(reserve);
  let bad = false;

  function open(): PartFile | undefined {
    try {
      return store.openPart(name, resume);
    } catch (error) {
      onStoreTrouble(error);
      return undefined;
    }
  }

  const file = open();

  async function orRefused<T>(act: (file: PartFile) => Promise<T>): Promise<T> {
    if (!file) throw new StoreRefusesError(`Cannot store ${name}: it has no part file`);
    try {
      return await act(file);
    } catch (error) {
      bad = true;
      onStoreTrouble(error);
      throw new StoreRefusesError(`Cannot store ${name}: ${reasonOf(error)}`, { cause: error });
    }
  }

  /** Writes, and once more after clean-up has made room on a full disk. */
  async function write(bytes: Uint8Array, position: number, into: PartFile): Promise<void> {
    try {
      await into.write(bytes, position);
    } catch (error) {
      const spare = OUT_OF_SPACE.has(codeOf(error)) ? await reserve(bytes.length + SPARE_BYTES) : undefined;
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
        if (!(await room.growTo(position + bytes.length, total))) {
          throw new StoreRefusesError(`Cannot store ${name}: there is no room for more of it`);
        }
        await orRefused((into) => write(bytes, position, into));
        room.wrote(bytes.length);
      },
      mark: (front, total) => orRefused((into) => into.mark(front, total)),
      truncate: (length) => orRefused((into) => into.truncate(length)),
    },
    named: file?.named ? file : undefined,
    async reserve(bytes) {
      if (!file || !(await room.grow(bytes))) return false;
      room.wrote(file.length);
      return true;
    },
    markBad() {
      bad = true;
    },
    leave(keep) {
      room.release();
      file?.leave(keep && !bad);
    },
    close: async () => await file?.close(),
  };
}
