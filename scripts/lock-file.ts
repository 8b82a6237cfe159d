/**
 * Takes read locks by fcntl(2) on all bytes of the files given, says for each whether it has it or why not, and keeps them until its
 * standard input ends. For tests: what any local user may try.
 */
import { dlopen, ptr } from "bun:ffi";
import { openSync } from "node:fs";

/** fcntl.h of Linux. */
const SET_LOCK = 6;

const { symbols } = dlopen("libc.so.6", { fcntl: { args: ["i32", "i32", "ptr"], returns: "i32" } });

function lock(path: string): string {
  try {
    const descriptor = openSync(path, "r");
    // struct flock: F_RDLCK and SEEK_SET are 0, and a length of 0 is all bytes.
    return symbols.fcntl(descriptor, SET_LOCK, ptr(new Uint8Array(32))) === 0 ? "locked" : "in use";
  } catch (error) {
    return error instanceof Error && "code" in error ? String(error.code) : String(error);
  }
}

console.log(process.argv.slice(2).map(lock).join(" "));
await Bun.stdin.text();
