/**
 * Writes a file coming in, in the store's partial/ folder, and gives it its final name once it is whole and right.
 * A part file with gaps ends with a mark, behind the place of its last byte, that says how many bytes from the start count. So a
 * crash leaves either a file without gaps or one that says where they begin, whatever became of the index.
 */
import {
  close,
  closeSync,
  constants,
  fchmodSync,
  fdatasync,
  fstatSync,
  fsync,
  ftruncate,
  ftruncateSync,
  futimesSync,
  lstatSync,
  openSync,
  readSync,
  rmSync,
  unlinkSync,
  write,
} from "node:fs";
import { rename } from "node:fs/promises";
import { promisify } from "node:util";

const writeAt = promisify(write);
const closeFd = promisify(close);
const syncData = promisify(fdatasync);
const syncAll = promisify(fsync);
const truncateTo = promisify(ftruncate);

/** Everybody may read a stored file. */
export const STORED_MODE = 0o644;

/** After this many bytes they are sent on their way to the disk, so that the fsync at the end finds little to do. */
const SYNC_EVERY_BYTES = 32 * 1024 * 1024;

const MARK_PATTERN = /^portcache part: (\d{15}) of (\d{15})\n$/;
const MARK_BYTES = 51;

/** To be written at byte `total`. */
function formatMark(front: number, total: number): string {
  const digits = (count: number) => String(count).padStart(15, "0");
  return `portcache part: ${digits(front)} of ${digits(total)}\n`;
}

/**
 * Returns how many bytes count, or undefined where the file bears no mark and all do.
 * @param end the last MARK_BYTES of the file
 * @param length of the whole file, mark and all
 */
function frontBy(end: string, length: number): number | undefined {
  const match = MARK_PATTERN.exec(end);
  const [front, total] = [Number(match?.[1]), Number(match?.[2])];
  return front <= total && total === length - MARK_BYTES ? front : undefined;
}

export interface PartFile {
  readonly fd: number;
  /** Bytes that were there when it was opened. */
  readonly length: number;
  write(bytes: Uint8Array, position: number): Promise<void>;
  /** Marks that of `total` bytes only the first `front` count, until truncate(). */
  mark(front: number, total: number): Promise<void>;
  truncate(length: number): Promise<void>;
  /** Whether the file can get a final name. */
  readonly named: boolean;
  /**
   * Makes the bytes last, and sets mode and mtime (milliseconds): once, until bytes are written again.
   */
  settle(modifiedAt: number): Promise<void>;
  /** Renames the file, which is settled; the folder is the caller's to sync. */
  moveTo(path: string): Promise<void>;
  /** Gives up the name, so that another download can have it; `keep` leaves the bytes for that one to continue. */
  leave(keep: boolean): void;
  /** Closes the file, once nobody reads from it and after leave(). */
  close(): Promise<void>;
}

/**
 * @param resume keeps the bytes that are there
 * @throws {Error} with a code such as EACCES, ENOSPC
 */
export function openPartFile(path: string, resume: boolean): PartFile {
  const flags = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW | (resume ? 0 : constants.O_TRUNC);
  return partFile(path, openSync(path, flags, 0o644));
}

/** Cuts off the bytes behind gaps, where a crash left some. @returns the bytes left; 0 where there is no file */
export function cutToFront(path: string): number {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (!stats?.isFile()) return 0;
  if (stats.size < MARK_BYTES) return stats.size;
  const fd = openSync(path, constants.O_RDWR | constants.O_NOFOLLOW);
  try {
    const end = Buffer.alloc(MARK_BYTES);
    readSync(fd, end, 0, MARK_BYTES, stats.size - MARK_BYTES);
    const front = frontBy(end.toString("latin1"), stats.size);
    if (front !== undefined) ftruncateSync(fd, front);
    return front ?? stats.size;
  } finally {
    closeSync(fd);
  }
}

/** A part that nobody else can see and that ends with its descriptor. */
export function openNamelessPart(folder: string): PartFile {
  const path = `${folder}/${crypto.randomUUID()}`;
  const fd = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, 0o600);
  unlinkSync(path);
  return partFile(undefined, fd);
}

function partFile(path: string | undefined, fd: number): PartFile {
  const length = fstatSync(fd).size;
  let moved = false;
  let unsynced = 0;
  let syncing = false;
  let settling: Promise<void> | undefined;
  /** The sync of a settle() under way, or of the last one. */
  let lastSync: Promise<unknown> = Promise.resolve();

  /** Syncs while the download goes on. Its outcome does not matter: the fsync before the rename reports what went wrong. */
  function syncInPassing(): void {
    if (unsynced < SYNC_EVERY_BYTES || syncing) return;
    unsynced = 0;
    syncing = true;
    const done = () => {
      syncing = false;
    };
    syncData(fd).then(done, done);
  }

  async function writeAll(bytes: Uint8Array, position: number): Promise<void> {
    let written = 0;
    while (written < bytes.length) {
      const { bytesWritten } = await writeAt(fd, bytes, written, bytes.length - written, position + written);
      written += bytesWritten;
    }
    unsynced += written;
    // After the write: a sync that began beside it may have missed bytes.
    settling = undefined;
  }

  async function sync(modifiedAt: number): Promise<void> {
    // Whatever the umask: the folder may be exported.
    fchmodSync(fd, STORED_MODE);
    futimesSync(fd, Date.now() / 1000, modifiedAt / 1000);
    const synced = syncAll(fd);
    lastSync = synced.catch(() => undefined);
    await synced;
  }

  return {
    fd,
    length,
    named: path !== undefined,
    async write(bytes, position) {
      await writeAll(bytes, position);
      syncInPassing();
    },
    mark: (front, total) => writeAll(Buffer.from(formatMark(front, total)), total),
    async truncate(length) {
      await truncateTo(fd, length);
      settling = undefined;
    },
    settle(modifiedAt) {
      settling ??= sync(modifiedAt);
      return settling;
    },
    async moveTo(finalPath) {
      if (path === undefined) throw new Error(`Cannot keep ${finalPath}: its part file has no name`);
      if (lstatSync(path).ino !== fstatSync(fd).ino)
        throw new Error(`Cannot keep ${finalPath}: its part file was replaced`);
      await rename(path, finalPath);
      moved = true;
    },
    leave(keep) {
      const worthKeeping = keep && fstatSync(fd).size > 0;
      if (!worthKeeping && !moved && path !== undefined) rmSync(path, { force: true });
    },
    async close() {
      while (syncing) await Bun.sleep(5);
      await lastSync;
      await closeFd(fd);
    },
  };
}
