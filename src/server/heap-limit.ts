/**
 * Limits how much garbage a server piles up. JavaScriptCore goes by the memory of the machine, mimalloc keeps what is freed for a
 * while, and both read their options from the environment at start alone, so the process starts once more in place (execve(2), 30 ms).
 */
import type { Environment } from "../config/environment.ts";
import { reasonOf } from "../lib/error-reason.ts";

const OPTION = "BUN_JSC_forceRAMSize";
/** Memory that the collector believes the machine has: halves what a fast download adds, at no cost (measured). */
const RAM_BYTES = 256 * 1024 * 1024;
/** Gives memory back as it is freed: a tenth less under the siege of scripts/siege.ts (measured). */
const ALLOCATOR = { MIMALLOC_PURGE_DELAY: "0" };

/**
 * Restarts the executable with a bounded heap, unless the option is set already; returns only if it did not restart.
 * @param warn takes a line if the restart failed: the server runs without the limit
 */
export function limitHeap(args: readonly string[], env: Environment, warn: (line: string) => void): void {
  // From the source tree the process is bun's own.
  if (!import.meta.url.includes("$bunfs") || env[OPTION] !== undefined) return;
  const { execPath } = process;
  try {
    process.execve?.(execPath, [execPath, ...args], { ...ALLOCATOR, ...env, [OPTION]: String(RAM_BYTES) });
  } catch (error) {
    // An upgrade may have replaced the file just now.
    warn(`portcache: Cannot restart ${execPath} with a bounded heap, memory may grow further: ${reasonOf(error)}`);
  }
}
