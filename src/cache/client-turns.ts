/**
 * Begins work for clients a few at a time, clients taking turns: whoever asks for thousands of files delays neither what is answered at
 * once nor the files of others.
 */
import { abortable } from "../lib/abort.ts";
import { createPrioritySemaphore } from "../lib/priority-semaphore.ts";
import type { Waiter } from "./result.ts";

/** Resolves when the client's turn has come, with false where it left before. */
export type TakeTurn = (waiter: Waiter) => Promise<boolean>;

/** @param most how many begin in one turn of the event loop */
export function createClientTurns(most: number): TakeTurn {
  const slots = createPrioritySemaphore(() => most, 0);
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
