/**
 * How many files the process may open at once: each client takes one, and one more while it is sent a large file. The soft
 * limit is 1024 almost everywhere, for programs that use select(2); it is raised to the hard one. On glibc the platform does
 * so by itself, on musl it does not.
 */
import { dlopen, FFIType, ptr } from "bun:ffi";
import { readFileSync } from "node:fs";

/** The same on x86 and ARM (getrlimit(2)). */
const RLIMIT_NOFILE = 7;

function readLimits(): { readonly soft: string; readonly hard: string } | undefined {
  const [, soft, hard] = /^Max open files\s+(\S+)\s+(\S+)/m.exec(readFileSync("/proc/self/limits", "utf8")) ?? [];
  return soft === undefined || hard === undefined ? undefined : { soft, hard };
}

function setSoftToHard(): void {
  const args = [FFIType.i32, FFIType.ptr] as const;
  // musl takes itself for every library of this name.
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

/** Raises the limit as far as it goes. @returns what it is then; undefined where that can't be told */
export function raiseOpenFiles(): string | undefined {
  try {
    const { soft, hard } = readLimits() ?? {};
    if (soft !== hard) setSoftToHard();
    return readLimits()?.soft;
  } catch {
    // Then it is as it was.
    return undefined;
  }
}
