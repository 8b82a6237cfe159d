/**
 * Describes the room in the store that is reserved for one file while it comes in.
 */
import type { FileName } from "./mirror-path.ts";

export interface RoomRequest {
  readonly name: FileName;
  readonly bytes: number;
  /** Whether a Manifest vouches for the file: what none vouches for has only a share of the store. */
  readonly verified: boolean;
  /** Whether the size of the whole file is known. Where it is not, it may have no end, and nothing is removed for it. */
  readonly sized: boolean;
}

/** Reserves room, made if need be; resolves with undefined where it can't be had. */
export type Reserve = (request: RoomRequest) => Promise<Reservation | undefined>;

export interface StoreRoom {
  readonly reserve: Reserve;
  /** Returns whether a file would fit if everything went that may go for it. */
  readonly canFit: (request: RoomRequest) => boolean;
}

export interface Reservation {
  /** Notes that that many more of the file's bytes are on disk. */
  wrote(bytes: number): void;
  /** Gives the room back, once the file is stored or is not going to be; further calls do nothing. */
  release(): void;
}
