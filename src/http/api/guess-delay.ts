/**
 * Slows down clients that guess the token: wrong ones are refused one after the other, a tenth of a second each, and only so many
 * wait for that. A right token never waits.
 */
import type { Clock } from "../../lib/clock.ts";

export interface GuessDelay {
  /** Resolves when the refusal may be sent; at once with false where too many wait already. */
  wait(): Promise<boolean>;
}

const DELAY_MS = 100;
const MAX_WAITING = 50;

export function createGuessDelay(clock: Pick<Clock, "sleep">): GuessDelay {
  let last: Promise<void> = Promise.resolve();
  let waiting = 0;
  return {
    async wait() {
      if (waiting >= MAX_WAITING) return false;
      waiting++;
      last = last.then(() => clock.sleep(DELAY_MS));
      await last;
      waiting--;
      return true;
    },
  };
}
