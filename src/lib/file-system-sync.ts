/**
 * Syncs a whole file system by one call (syncfs(2)): of many small files each fsync waits for the disk by itself, and this once for all
 * of them. Only where the kernel reports what could not be written, and on file systems that are known to do for all files what
 * fsync does for one.
 */
import { dlopen, FFIType } from "bun:ffi";
import { statfsSync } from "node:fs";
import { release } from "node:os";

/** What statfs(2) says of ext2 to ext4, XFS, Btrfs, F2FS and tmpfs. FUSE would not tell its server. */
const TYPES = new Set([0xef53, 0x58465342, 0x9123683e, 0xf2f52010, 0x01021994]);
/** Since Linux 5.8 errors of writing are reported (syncfs(2)). */
const [MAJOR, MINOR] = [5, 8];

function reportsErrors(kernel: string): boolean {
  const [major = 0, minor = 0] = kernel.split(".").map(Number);
  return major > MAJOR || (major === MAJOR && minor >= MINOR);
}

/**
 * Returns a function that syncs the file system of an open file. It returns whether all that was written there since that file was
 * opened is on the disk; if not, each file has to be synced by itself, which tells what is wrong.
 */
export function createFileSystemSync(kernel = release()): (fd: number) => boolean {
  if (!reportsErrors(kernel)) return () => false;
  try {
    // musl answers to this name, too.
    const { symbols } = dlopen("libc.so.6", { syncfs: { args: [FFIType.i32], returns: FFIType.i32 } });
    return (fd) => TYPES.has(statfsSync(`/proc/self/fd/${fd}`).type) && symbols.syncfs(fd) === 0;
  } catch {
    return () => false;
  }
}
