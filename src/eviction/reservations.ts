/**
 * Keeps count of the room in the store and of what is reserved: a download reserves its whole size before it begins, so that many
 * together stay under the limits.
 */
import type { FileName } from "../distfile/mirror-path.ts";
import type { Reservation, RoomRequest } from "../distfile/reservation.ts";
import type { LeftBytes } from "../store/partial-folder.ts";
import type { Volume } from "../store/partial-folders.ts";
import {
  INODES_PER_FILE,
  isSameLimit,
  type LimitState,
  type Limits,
  limitStates,
  type Usage,
  unverifiedLimit,
} from "./policy.ts";

export interface Reservations {
  /** What is stored and reserved. */
  granted(): Usage;
  /** With what is waited for: of files that no Manifest vouches for, as much as their share has room for. */
  usage(): Usage;
  /** Without what is waited for by files that no Manifest vouches for. */
  verifiedUsage(): Usage;
  /** Returns how far over this limit the least is that somebody waits for: where that does not fit, clean-up is no use. */
  leastOver(short: LimitState): number;
  /** Returns the limits that stand in the way of this file now. */
  obstacles(request: RoomRequest): readonly LimitState[];
  /** Whether the file would fit if everything else that may go for it were gone. */
  canFit(request: RoomRequest): boolean;
  /** Reserves room where that much more keeps within the limits. */
  grant(request: RoomRequest): Reservation | undefined;
  /** Has clean-up make room for that much more, until the returned function is called. */
  want(request: RoomRequest): () => void;
  /** Bytes on disk, of stored files and those coming in. */
  writtenBytes(): number;
}

export interface ReservationsDeps {
  /** Bytes of all stored files; those that no Manifest vouches for; how many there are. */
  readonly rows: { bytes(): number; unverifiedBytes(): number; count(): number };
  /** Parts that nobody continues just now. */
  readonly leftPartBytes: () => LeftBytes;
  readonly volumes: () => readonly Volume[];
  readonly volumeOf: (name: FileName) => number;
  readonly limits: () => Limits;
}

/** What is held, or waited for. */
interface Claim {
  readonly request: Pick<RoomRequest, "bytes" | "verified">;
  readonly volume: number;
  /** What of it is not on disk yet. */
  unwritten: number;
}

/** Returns whether a limit binds files of this kind. */
function binds({ kind, volume }: LimitState, verified: boolean, on: number): boolean {
  return kind === "unverified" ? !verified : volume === undefined || volume === on;
}

export function createReservations(deps: ReservationsDeps): Reservations {
  const { rows, leftPartBytes, volumes, volumeOf, limits } = deps;
  const held = new Set<Claim>();
  const wants = new Set<Claim>();

  const claimOf = (request: RoomRequest): Claim => ({
    request,
    volume: volumeOf(request.name),
    unwritten: request.bytes,
  });

  function usageWith(more: Iterable<Claim>): Usage {
    const left = leftPartBytes();
    let [usedBytes, unverifiedBytes, files] = [rows.bytes() + left.all, rows.unverifiedBytes() + left.unverified, 0];
    const free = volumes().map(({ freeBytes, freeInodes, totalInodes }) => ({ freeBytes, freeInodes, totalInodes }));
    for (const { request, volume, unwritten } of [...held, ...more]) {
      usedBytes += request.bytes;
      if (!request.verified) unverifiedBytes += request.bytes;
      files++;
      const on = free[volume];
      if (!on) continue;
      on.freeBytes -= unwritten;
      on.freeInodes -= INODES_PER_FILE;
    }
    return {
      usedBytes,
      unverifiedBytes,
      files: files + (Number.isFinite(limits().maxFiles) ? rows.count() : 0),
      volumes: free,
    };
  }

  /** Returns the first claims of files that no Manifest vouches for that fit in so many bytes. */
  function fitting(room: number): readonly Claim[] {
    let left = room;
    return [...wants].filter(({ request: { verified, bytes } }) => {
      if (verified || bytes > left) return false;
      left -= bytes;
      return true;
    });
  }

  /**
   * However many wait, nothing goes for more than the share of theirs: to begin with, stored files that no Manifest vouches for go,
   * and for what there is room for then, others.
   */
  function usageWithWants(): Usage {
    const now = usageWith([]);
    const limit = unverifiedLimit(now, limits());
    const heldBytes = [...held].reduce((sum, { request }) => sum + (request.verified ? 0 : request.bytes), 0);
    const inShare = fitting(limit - heldBytes).reduce((sum, { request }) => sum + request.bytes, 0);
    const verified = [...wants].filter(({ request }) => request.verified);
    const all = usageWith([...verified, ...fitting(limit - now.unverifiedBytes)]);
    return { ...all, unverifiedBytes: now.unverifiedBytes + inShare };
  }

  function obstacles(request: RoomRequest): readonly LimitState[] {
    const claim = claimOf(request);
    const all = limitStates(usageWith([claim]), limits());
    return all.filter((one) => one.over > 0 && binds(one, request.verified, claim.volume));
  }

  return {
    granted: () => usageWith([]),
    usage: usageWithWants,
    verifiedUsage: () => usageWith([...wants].filter(({ request }) => request.verified)),
    leastOver(short) {
      const bound = [...wants].filter(({ request, volume }) => binds(short, request.verified, volume));
      const least = bound.toSorted((a, b) => a.request.bytes - b.request.bytes).slice(0, 1);
      return limitStates(usageWith(least), limits()).find((one) => isSameLimit(one, short))?.over ?? 0;
    },
    obstacles,
    canFit(request) {
      const { maxSize, minFree } = limits();
      const usage = usageWith([]);
      if (!request.verified && request.bytes > unverifiedLimit(usage, limits())) return false;
      const free = volumes()[volumeOf(request.name)]?.freeBytes ?? 0;
      const mostFree = free + rows.bytes() + leftPartBytes().all;
      return (maxSize === 0 || request.bytes <= maxSize) && mostFree - request.bytes >= minFree;
    },
    grant(request) {
      if (obstacles(request).length > 0) return undefined;
      const claim = claimOf(request);
      held.add(claim);
      return {
        wrote(more) {
          // What is written again, as when a download starts over, needs no more room.
          claim.unwritten -= Math.min(claim.unwritten, more);
        },
        release: () => held.delete(claim),
      };
    },
    want(request) {
      const claim = claimOf(request);
      wants.add(claim);
      return () => wants.delete(claim);
    },
    writtenBytes() {
      const writing = [...held].reduce((sum, { request, unwritten }) => sum + request.bytes - unwritten, 0);
      return rows.bytes() + leftPartBytes().all + writing;
    },
  };
}
