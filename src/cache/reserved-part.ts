/**
 * Opens the part file of a download, with the room reserved for it. What the disk or the limits refuse is a StoreRefusesError: the
 * download goes on without being stored, and what was written is given back.
 */
import { StoreRefusesError } from "../distfile/errors.ts";
import type { FileName } from "../distfile/mirror-path.ts";
import type { Reservation, Reserve, RoomRequest, StoreRoom } from "../distfile/reservation.ts";
import type { Part } from "../fetch/part-writer.ts";
import { codeOf, reasonOf } from "../lib/error-reason.ts";
import type { PartFile } from "../store/part-file.ts";
import type { Store } from "../store/store.ts";

export interface ReservedPart {
  /** The file as a download writes it. */
  readonly part: Pick<Part, "fd" | "length" | "write" | "mark" | "truncate" | "settle">;
  /** The file to be stored under its name; undefined where it has none to begin with. */
  readonly named: PartFile | undefined;
  /**
   * Reserves room for the whole file where it is free; else, for a verified one, it is made while the file comes in, as no source may
   * have it. Resolves with whether the file can be stored.
   */
  reserve(bytes: number): Promise<boolean>;
  /** The bytes on disk are not to be trusted. */
  markBad(): void;
  /** The download has ended; `keep` leaves the bytes for another one to resume, unless they are bad. */
  leave(keep: boolean): void;
  /** Nobody reads the file any more. */
  close(): Promise<void>;
}

const OUT_OF_SPACE = new Set(["ENOSPC", "EDQUOT"]);
/** Some file systems give room back to a quota only after a while (btrfs, ZFS). */
const RETRY_MS = [0, 300, 700];
/** Reserved beside the bytes that did not fit: the disk is shared with others. */
const SPARE_BYTES = 4 * 1024 * 1024;
/** Reserved at once for a file whose size is not known, and made at once for one that has no bytes yet. */
const GROWTH_BYTES = 16 * 1024 * 1024;

/**
 * Room that is reserved as a whole before a file comes in, or step by step while it grows. For a verified file nothing is removed for
 * more than twice what has come: else whoever asks for large files that no source has, or that one does not send, would empty the store.
 * Others have but a share, and take no more of it by coming in pieces.
 */
function createGrowingReservation(
  reserve: Reserve,
  file: Pick<RoomRequest, "name" | "verified">,
  hereBytes: () => number,
) {
  const held: Reservation[] = [];
  let reservedBytes = 0;
  let growth = GROWTH_BYTES;
  let released = false;

  /** Resolves with whether the room was had. */
  async function grow(bytes: number, sized: boolean): Promise<boolean> {
    const reservation = await reserve({ ...file, bytes, sized });
    if (!reservation) return false;
    if (released) {
      reservation.release();
      return false;
    }
    if (held.length === 0) reservation.wrote(hereBytes());
    held.push(reservation);
    reservedBytes += bytes;
    return true;
  }

  return {
    grow,
    /** Grows to that position before it is written; at once to the whole file where its size is known by now, and room is free. */
    async growTo(position: number, total: number | undefined): Promise<boolean> {
      if (position <= reservedBytes) return true;
      const needed = Math.max(position, total ?? 0) - reservedBytes;
      if (total !== undefined && !file.verified) return await grow(needed, true);
      if (total !== undefined) {
        const step = position - reservedBytes + Math.max(GROWTH_BYTES, position);
        return (await grow(needed, false)) || (await grow(Math.min(needed, step), true));
      }
      // Where room is short, it is taken in ever smaller pieces.
      for (; growth > needed; growth = Math.floor(growth / 2)) if (await grow(growth, false)) return true;
      return await grow(needed, false);
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
 * @param verified whether a Manifest vouches for the file
 * @param onStoreTrouble called when the store does not take bytes
 */
export function openReservedPart(
  name: FileName,
  resume: ((length: number) => boolean) | undefined,
  verified: boolean,
  store: Pick<Store, "openPart">,
  { reserve, canFit }: StoreRoom,
  onStoreTrouble: (error: unknown) => void,
): ReservedPart {
  const room = createGrowingReservation(reserve, { name, verified }, () => file?.length ?? 0);
  let bad = false;

  function open(): PartFile | undefined {
    try {
      return store.openPart(name, resume, verified);
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

  /** Writes where clean-up has made room, and again after a while where a quota does not show it at once. */
  async function writeAgain(bytes: Uint8Array, position: number, into: PartFile): Promise<void> {
    let refusal: unknown;
    for (const pauseMs of RETRY_MS) {
      if (pauseMs > 0) await Bun.sleep(pauseMs);
      try {
        await into.write(bytes, position);
        return;
      } catch (error) {
        if (codeOf(error) !== "EDQUOT") throw error;
        refusal = error;
      }
    }
    throw refusal;
  }

  /** Writes, and again after clean-up has made room on a full disk. */
  async function write(bytes: Uint8Array, position: number, into: PartFile): Promise<void> {
    try {
      await into.write(bytes, position);
    } catch (error) {
      if (!OUT_OF_SPACE.has(codeOf(error))) throw error;
      onStoreTrouble(error);
      const spare = await reserve({ name, verified, bytes: bytes.length + SPARE_BYTES, sized: verified });
      if (!spare) throw error;
      try {
        await writeAgain(bytes, position, into);
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
          bad = true;
          throw new StoreRefusesError(`Cannot store ${name}: there is no room for more of it`);
        }
        await orRefused((into) => write(bytes, position, into));
        room.wrote(bytes.length);
      },
      mark: (front, total) => orRefused((into) => into.mark(front, total)),
      truncate: (length) => orRefused((into) => into.truncate(length)),
      settle: async (modifiedAt) => {
        if (file?.named) await file.settle(modifiedAt);
      },
    },
    named: file?.named ? file : undefined,
    async reserve(bytes) {
      if (file === undefined) return false;
      if (!verified) return await room.grow(bytes, true);
      if (await room.grow(bytes, false)) return true;
      // Where it fits, there has to be room for one file more, whose part is open; else the log has the reason.
      return await room.grow(canFit({ name, verified, bytes, sized: true }) ? 0 : bytes, true);
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
