/**
 * Limits how many files clients wait for without a download slot so far, in all and each, so that no client keeps others out.
 */
import type { Download } from "../fetch/download.ts";
import type { ClientLimit } from "../lib/client-limit.ts";
import type { Busy, Waiter } from "./result.ts";

/** Counts one more file that the client waits for, until the returned function is called; undefined where it may wait for no more. */
export function enterQueue(queue: ClientLimit, { client }: Waiter): (() => void) | undefined {
  return client === undefined ? () => undefined : queue.enter(client);
}

/** Starts a download if its client may wait for one more. */
export function startQueued(queue: ClientLimit, waiter: Waiter, start: () => Download): Download | Busy {
  const leave = enterQueue(queue, waiter);
  if (!leave) return { kind: "busy" };
  try {
    const download = start();
    void download.begun.then(leave);
    return download;
  } catch (error) {
    leave();
    throw error;
  }
}
