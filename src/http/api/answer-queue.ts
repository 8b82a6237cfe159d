/**
 * Makes the answers of the API one after the other, clients taking turns, with a pause after each: some read the whole index, and hits
 * must never wait for more than one of them.
 */
import { createClientLimit } from "../../lib/client-limit.ts";
import { createPrioritySemaphore, type Slot } from "../../lib/priority-semaphore.ts";
import { problem } from "./problem.ts";

/** Makes the answer when it is the client's turn; 503 where too many wait. */
export type InTurn = (
  signal: AbortSignal,
  client: string,
  answer: () => Response | Promise<Response>,
) => Promise<Response>;

/** Requests that wait for their turn, or are answered, in all and of one client. */
const MAX_WAITING = 200;
const MAX_WAITING_PER_CLIENT = 32;
/** An answer that takes longer waits for something, and lets others go on. */
const HELD_MS = 1_000;

/** Gives the slot back once it was held for this long, or the answer is there and others had as much time as it took. */
async function giveBack(slot: Slot, startedAt: number, answered: Promise<unknown>): Promise<void> {
  const held = setTimeout(slot.release, HELD_MS);
  await answered.catch(() => undefined);
  clearTimeout(held);
  const tookMs = Math.min(performance.now() - startedAt, HELD_MS);
  if (tookMs < 1) setImmediate(slot.release);
  else setTimeout(slot.release, tookMs);
}

export function createAnswerQueue(): InTurn {
  const limit = createClientLimit(MAX_WAITING, MAX_WAITING_PER_CLIENT);
  const slots = createPrioritySemaphore(() => 1, 0);

  return async (signal, client, answer) => {
    const leave = limit.enter(client);
    if (!leave) return problem(503, "Too many requests wait for an answer already. Try again.", { "retry-after": "5" });
    const ticket = slots.acquire({ bytes: 0, urgent: true, client });
    // Who leaves waits no longer.
    const onLeave = () => {
      ticket.leave();
      leave();
    };
    signal.addEventListener("abort", onLeave, { once: true });
    try {
      const slot = await ticket.granted;
      const startedAt = performance.now();
      const answered = (async () => await answer())();
      void giveBack(slot, startedAt, answered);
      return await answered;
    } finally {
      signal.removeEventListener("abort", onLeave);
      leave();
    }
  };
}
