/**
 * How long the garbage of a server may pile up. JavaScriptCore goes by the memory of the machine, and takes options only from
 * the environment, as the process starts: so it is started once more, in place (execve(2), 30 ms).
 */
import type { Environment } from "../config/environment.ts";
import { reasonOf } from "../lib/error-reason.ts";

const OPTION = "BUN_JSC_forceRAMSize";
/** What the collector takes for all memory there is: half of what a fast download adds goes, at no cost (measured). */
const RAM_BYTES = 256 * 1024 * 1024;

/**
 * Does not return where it starts the executable anew; whoever has set the option himself is left alone.
 * @param tell given a line where it can't be started: the server does without
 */
export function limitHeap(args: readonly string[], env: Environment, tell: (line: string) => void): void {
  // From the source tree the process is bun's own.
  if (!import.meta.url.includes("$bunfs") || env[OPTION] !== undefined) return;
  const { execPath } = process;
  try {
    process.execve?.(execPath, [execPath, ...args], { ...env, [OPTION]: String(RAM_BYTES) });
  } catch (error) {
    // An upgrade may have replaced the file just now.
    tell(`portcache: Cannot start ${execPath} anew with a bounded heap, memory may grow by more: ${reasonOf(error)}`);
  }
}
