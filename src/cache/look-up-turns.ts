/**
 * Starts look-ups of files that are no known hits a few at a time, clients taking turns: whoever asks for thousands of files delays
 * neither hits, which are answered at once, nor the misses of others.
 */
import { abortable } from "../lib/abort.ts";
import { createPrioritySemaphore } from "../lib/priority-semaphore.ts";
import type { Waiter } from "./result.ts";

/** Resolves when the client's turn has come, with false where it left before. */
export type TakeTurn = (waiter: Waiter) => Promise<boolean>;

/** Look-ups that begin in one turn of the event loop: a miss costs it a millisecond or two. */
const MAX_STARTS = 2;

export function createLookUpTurns(): TakeTurn {
  const slots = createPrioritySemaphore(() => MAX_STARTS, 0);
  return async ({ client, signal }) => {
    if (signal.aborted) return false;
    const ticket = slots.acquire({ bytes: 0, urgent: true, client });
    try {
      const slot = await abortable(ticket.granted, signal, ({ release }) => release());
      setImmediate(slot.release);
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      ticket.leave();
    }
    return !signal.aborted;
  };
}
