/**
 * Describes the room in the store that is reserved for one file while it comes in.
 */

export interface Reservation {
  /** So many more of the file's bytes are on disk. */
  wrote(bytes: number): void;
  /** Gives the room back, once the file is stored or is not going to be; further calls do nothing. */
  release(): void;
}
