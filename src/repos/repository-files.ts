/**
 * Reads files of ebuild repositories, whose authors are not trusted. All reads go through here: only regular files within the
 * repository, as a link may lead to files that only the admin should see and a pipe or device never ends, and of each kind only
 * up to a size.
 */
import {
  type BigIntStats,
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  read,
  readSync,
  realpathSync,
} from "node:fs";
import { dirname } from "node:path";
import { promisify } from "node:util";
import { codeOf, reasonOf } from "../lib/error-reason.ts";
import { saysAbsent } from "../lib/exists.ts";
import { formatBytes } from "../lib/format.ts";

const KIB = 1024;
const MIB = 1024 * KIB;

/** Most bytes of a file of each kind. The largest seen: ebuilds and md5-cache 400 KiB, eclasses 120 KiB, Manifests 1.2 MiB. */
export const MAX_FILE_BYTES = {
  ebuild: MIB,
  eclass: MIB,
  "md5-cache": MIB,
  Manifest: 8 * MIB,
  thirdpartymirrors: 256 * KIB,
  /** profiles/repo_name, metadata/layout.conf and the like. */
  small: 64 * KIB,
} as const;

export type FileKind = keyof typeof MAX_FILE_BYTES;

/** A path at which nothing is. */
export interface Absent {
  readonly kind: "absent";
}

/** A path that cannot be read now (permissions, I/O errors), or must not be read; that proves nothing about its contents. */
export interface Unreadable {
  readonly kind: "unreadable";
  /** Says what it is, or why it cannot be read; a sentence part. */
  readonly reason: string;
  /** Whether it may be readable at another time: the disk or the permissions stand in the way, and no rule. */
  readonly passing?: true;
  /** Whether it is a link that leads nowhere now: what it leads to may not be mounted. */
  readonly leadsNowhere?: true;
}

export interface FoundFile {
  readonly kind: "file";
  /** Inode, size, mtime and ctime in ns. Taken before the bytes are read, so that a later change shows. */
  readonly stamp: string;
  /** Undefined where the stamp equals the known one. */
  readonly bytes: Buffer | undefined;
}

/** How many bytes may still be read of a package. */
export interface ByteBudget {
  /** Whether a file did not fit. */
  readonly exceeded: boolean;
  take(bytes: number): boolean;
}

export function createByteBudget(bytes: number): ByteBudget {
  let left = bytes;
  let exceeded = false;
  return {
    get exceeded() {
      return exceeded;
    },
    take(count) {
      if (count > left) {
        exceeded = true;
        return false;
      }
      left -= count;
      return true;
    },
  };
}

export interface ReadOptions {
  readonly kind: FileKind;
  /** The stamp of what the caller has already. */
  readonly known?: string | undefined;
  readonly budget?: ByteBudget;
}

/** A name that has become a link or a pipe meanwhile neither leads away nor blocks. */
const FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

const LINK_OUT: Unreadable = { kind: "unreadable", reason: "a link out of the repository" };

function isLink(path: string): boolean {
  try {
    return lstatSync(path).isSymbolicLink();
  } catch {
    return false;
  }
}

/** @param path at which the system call failed */
export function readFailureOf(error: unknown, path: string): Absent | Unreadable {
  if (saysAbsent(error) && !isLink(path)) return { kind: "absent" };
  const reason = saysAbsent(error) ? "a link to something that is not there" : reasonOf(error);
  const leadsNowhere = saysAbsent(error) || codeOf(error) === "ELOOP";
  return { kind: "unreadable", reason, passing: true, ...(leadsNowhere ? { leadsNowhere } : {}) };
}

/** Says of a path what keeps it from being read; the end of a sentence about it. */
export function unreadableReason({ reason, passing }: Unreadable): string {
  return passing ? `cannot be read (${reason})` : `is ${reason}`;
}

function isInside(root: string, real: string): boolean {
  return real === root || real.startsWith(root === "/" ? root : `${root}/`);
}

/** Follows links; returns the path itself where they lead nowhere. */
export function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

/** Follows links. Returns the real path. @param root real path of the repository */
export function followInside(root: string, path: string): string | Absent | Unreadable {
  try {
    const real = realpathSync(path);
    return isInside(root, real) ? real : LINK_OUT;
  } catch (error) {
    return readFailureOf(error, path);
  }
}

function stampOf({ ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return `${ino}:${size}:${mtimeNs}:${ctimeNs}`;
}

/** Returns why a file of this kind must not be read. */
function refusalOf(stats: BigIntStats, { kind, budget }: ReadOptions): Absent | Unreadable | undefined {
  if (!stats.isFile()) return { kind: "unreadable", reason: "not a regular file" };
  const bytes = Number(stats.size);
  const limit = MAX_FILE_BYTES[kind];
  if (bytes > limit) {
    return { kind: "unreadable", reason: `too large: ${formatBytes(bytes)}, expected at most ${formatBytes(limit)}` };
  }
  if (budget?.take(bytes) === false) return { kind: "unreadable", reason: "beyond the byte budget of its package" };
  return undefined;
}

const readAt = promisify(read);

async function readAll(fd: number, size: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(size);
  let at = 0;
  while (at < size) {
    const { bytesRead } = await readAt(fd, bytes, at, size - at, at);
    if (bytesRead === 0) break;
    at += bytesRead;
  }
  return bytes.subarray(0, at);
}

/**
 * Reads a file off the event loop. It is looked up and opened on it, which takes 20 µs where the folders are known: through the
 * thread pool each of these calls takes five times that, one after the other (measured).
 * @param root real path of the repository
 */
export async function readInside(
  root: string,
  path: string,
  options: ReadOptions,
): Promise<FoundFile | Absent | Unreadable> {
  try {
    // Directly in `root`, which is real, only a link can lead elsewhere: most files need no second look-up.
    const isPlain = dirname(path) === root && !lstatSync(path).isSymbolicLink();
    const real = isPlain ? path : followInside(root, path);
    if (typeof real !== "string") return real;
    const before = lstatSync(real, { bigint: true });
    const stamp = stampOf(before);
    if (before.isFile() && stamp === options.known) return { kind: "file", stamp, bytes: undefined };
    if (!before.isFile()) return { kind: "unreadable", reason: "not a regular file" };
    const fd = openSync(real, FLAGS);
    try {
      const stats = fstatSync(fd, { bigint: true });
      const refusal = refusalOf(stats, options);
      return refusal ?? { kind: "file", stamp: stampOf(stats), bytes: await readAll(fd, Number(stats.size)) };
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    return readFailureOf(error, path);
  }
}

function readAllSync(fd: number, size: number): Buffer {
  const bytes = Buffer.allocUnsafe(size);
  let at = 0;
  while (at < size) {
    const got = readSync(fd, bytes, at, size - at, at);
    if (got === 0) break;
    at += got;
  }
  return bytes.subarray(0, at);
}

/** A regular file within the repository, which has not been opened. */
interface Regular {
  readonly kind: "regular";
  readonly path: string;
  readonly stats: BigIntStats;
}

/**
 * Finds a file without opening it. The folders of `path` must have been followed; a folder or device at the path itself counts as
 * absent. @param root real path of the repository
 */
export function findInsideSync(root: string, path: string): Regular | Absent | Unreadable {
  try {
    const stats = lstatSync(path, { bigint: true });
    if (stats.isFile()) return { kind: "regular", path, stats };
    if (!stats.isSymbolicLink()) return { kind: "absent" };
    const real = followInside(root, path);
    if (typeof real !== "string") return real;
    const target = lstatSync(real, { bigint: true });
    return target.isFile() ? { kind: "regular", path: real, stats: target } : { kind: "absent" };
  } catch (error) {
    return readFailureOf(error, path);
  }
}

/**
 * Reads a file that findInsideSync() finds, synchronously: one from the page cache takes 10 µs, through the thread pool five
 * times that (measured). @param root real path of the repository
 */
export function readInsideSync(root: string, path: string, options: ReadOptions): FoundFile | Absent | Unreadable {
  const found = findInsideSync(root, path);
  if (found.kind !== "regular") return found;
  const stamp = stampOf(found.stats);
  if (stamp === options.known) return { kind: "file", stamp, bytes: undefined };
  try {
    const fd = openSync(found.path, FLAGS);
    try {
      const stats = fstatSync(fd, { bigint: true });
      const refusal = refusalOf(stats, options);
      return refusal ?? { kind: "file", stamp: stampOf(stats), bytes: readAllSync(fd, Number(stats.size)) };
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    return readFailureOf(error, path);
  }
}
