/**
 * Asks sources by HEAD for files that are not here: once for all who ask at the same time, in a slot, no longer than somebody waits
 * for the answer, and remembers the answer for a moment.
 */
import type { UpstreamHead } from "../fetch/head.ts";
import { abortable } from "../lib/abort.ts";
import type { ClientLimit } from "../lib/client-limit.ts";
import type { Clock } from "../lib/clock.ts";
import { inSlot, type PrioritySemaphore } from "../lib/priority-semaphore.ts";
import { enterQueue } from "./queue.ts";
import type { Busy, Left, Waiter } from "./result.ts";

export interface Heads {
  /**
   * @param queue limits how many clients wait for
   * @param slots limits how many ask at once
   * @param send asks the sources; its signal aborts when nobody waits any more
   * @throws what `send` throws
   */
  ask(
    key: string,
    queue: ClientLimit,
    slots: PrioritySemaphore,
    waiter: Waiter,
    send: (signal: AbortSignal) => Promise<UpstreamHead>,
  ): Promise<UpstreamHead | Busy | Left>;
  /** Returns an answer that came a moment ago. */
  recent(key: string): UpstreamHead | undefined;
}

interface Flight {
  readonly controller: AbortController;
  readonly answer: Promise<UpstreamHead>;
  waiting: number;
}

/** Long enough for all who ask for one file at the same time, too short for the file to change. */
const REMEMBERED_MS = 5_000;
const MAX_REMEMBERED = 1_000;

export function createHeads(clock: Pick<Clock, "now">): Heads {
  const flights = new Map<string, Flight>();
  /** Oldest first. */
  const answers = new Map<string, { readonly head: UpstreamHead; readonly at: number }>();

  function remember(key: string, head: UpstreamHead): void {
    answers.delete(key);
    answers.set(key, { head, at: clock.now() });
    const [oldest] = answers.keys();
    if (answers.size > MAX_REMEMBERED && oldest !== undefined) answers.delete(oldest);
  }

  function recent(key: string): UpstreamHead | undefined {
    const answer = answers.get(key);
    if (!answer) return undefined;
    if (Math.abs(clock.now() - answer.at) < REMEMBERED_MS) return answer.head;
    answers.delete(key);
    return undefined;
  }

  async function run(
    key: string,
    slots: PrioritySemaphore,
    client: string | undefined,
    send: (signal: AbortSignal) => Promise<UpstreamHead>,
    signal: AbortSignal,
  ): Promise<UpstreamHead> {
    const head = await inSlot(slots, { bytes: 0, urgent: true, client }, signal, () => send(signal));
    remember(key, head);
    return head;
  }

  function start(
    key: string,
    queue: ClientLimit,
    slots: PrioritySemaphore,
    waiter: Waiter,
    send: (signal: AbortSignal) => Promise<UpstreamHead>,
  ): Flight | undefined {
    const leave = enterQueue(queue, waiter);
    if (!leave) return undefined;
    const controller = new AbortController();
    const answer = run(key, slots, waiter.client, send, controller.signal).finally(leave);
    const flight = { controller, answer, waiting: 0 };
    flights.set(key, flight);
    return flight;
  }

  function leave(key: string, flight: Flight): void {
    flight.waiting--;
    if (flight.waiting > 0) return;
    if (flights.get(key) === flight) flights.delete(key);
    flight.answer.catch(() => undefined);
    flight.controller.abort(new Error("nobody waits for the answer any more"));
  }

  return {
    recent,
    async ask(key, queue, slots, waiter, send) {
      const flight = flights.get(key) ?? start(key, queue, slots, waiter, send);
      if (!flight) return { kind: "busy" };
      flight.waiting++;
      try {
        return await abortable(flight.answer, waiter.signal);
      } catch (error) {
        if (waiter.signal.aborted) return { kind: "left" };
        throw error;
      } finally {
        leave(key, flight);
      }
    },
  };
}
