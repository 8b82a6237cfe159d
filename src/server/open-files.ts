/**
 * Raises the limit of open files to the hard limit: each client takes one, and a second while it is sent a large file. The soft
 * limit is 1024 almost everywhere, for programs that use select(2). The platform raises it by itself on glibc, not on musl.
 */
import { dlopen, FFIType, ptr } from "bun:ffi";
import { readFileSync } from "node:fs";

/** Has the same number on x86 and ARM (getrlimit(2)). */
const RLIMIT_NOFILE = 7;

function readLimits(): { readonly soft: string; readonly hard: string } | undefined {
  const [, soft, hard] = /^Max open files\s+(\S+)\s+(\S+)/m.exec(readFileSync("/proc/self/limits", "utf8")) ?? [];
  return soft === undefined || hard === undefined ? undefined : { soft, hard };
}

function setSoftToHard(): void {
  const args = [FFIType.i32, FFIType.ptr] as const;
  // musl answers to this name, too.
  const libc = dlopen("libc.so.6", {
    getrlimit: { args, returns: FFIType.i32 },
    setrlimit: { args, returns: FFIType.i32 },
  });
  const limits = new BigUint64Array(2);
  if (libc.symbols.getrlimit(RLIMIT_NOFILE, ptr(limits)) === 0) {
    limits.copyWithin(0, 1);
    libc.symbols.setrlimit(RLIMIT_NOFILE, ptr(limits));
  }
  libc.close();
}

/** Raises the limit as far as allowed. @returns the limit now; undefined if it is unknown */
export function raiseOpenFiles(): string | undefined {
  try {
    const { soft, hard } = readLimits() ?? {};
    if (soft !== hard) setSoftToHard();
    return readLimits()?.soft;
  } catch {
    // The limit stays as it was.
    return undefined;
  }
}
