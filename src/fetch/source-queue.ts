/**
 * Which source a download turns to next, and when it gives up (policy, no I/O): round after round over those not
 * excluded, as long as a round brings something worth while.
 */

/** A round over all sources that brought less than this came to nothing. */
const WORTHWHILE_BYTES = 64 * 1024;
/** How many rounds in a row may come to nothing: one reset connection should not cost a client its file. */
const MAX_IDLE_ROUNDS = 2;

export interface Rounds<S> {
  /**
   * The next one to ask, undefined when there is no point any more.
   * @param received bytes that came from all of them together so far
   */
  next(received: number): S | undefined;
  /** Another one of this round, to be asked beside those given already; undefined when all had their turn in it. */
  spare(): S | undefined;
  /** All that may still be asked. */
  readonly left: readonly S[];
  /** Whether the one just given opens a round after one that came to nothing: time to draw breath. */
  readonly again: boolean;
  exclude(source: S): void;
  /**
   * The result was wrong and more than one had a part in it. The one that finished goes first and alone next time;
   * that can't go on for ever either.
   */
  mixed(last: S | undefined): void;
}

export function createRounds<S>(sources: readonly S[]): Rounds<S> {
  const order = [...sources];
  let index = 0;
  let idleRounds = 0;
  let mixtures = 0;
  let receivedBefore = 0;

  function exclude(source: S): void {
    const at = order.indexOf(source);
    if (at < 0) return;
    order.splice(at, 1);
    if (at < index) index--;
  }

  return {
    next(received) {
      if (index >= order.length) {
        index = 0;
        idleRounds = received - receivedBefore < WORTHWHILE_BYTES ? idleRounds + 1 : 0;
        receivedBefore = received;
      }
      if (idleRounds >= MAX_IDLE_ROUNDS || mixtures > sources.length) return undefined;
      return order[index++];
    },
    spare: () => (order[index] === undefined ? undefined : order[index++]),
    get left() {
      return order;
    },
    get again() {
      return idleRounds > 0 && index === 1;
    },
    exclude,
    mixed(last) {
      mixtures++;
      index = 0;
      if (last === undefined || !order.includes(last)) return;
      exclude(last);
      order.unshift(last);
      index = 0;
    },
  };
}
