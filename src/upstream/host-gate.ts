/**
 * Keeps off hosts that ask not to be asked again for a while (Retry-After; RFC 9110 section 10.2.3, RFC 6585), and sends no burst to
 * a host that has not answered yet.
 */
import { SourceError } from "../distfile/errors.ts";
import type { HostWaits } from "../distfile/source.ts";
import { parseHttpDate } from "../lib/http-date.ts";

/** No host is left alone for longer. */
const MAX_WAIT_MS = 60 * 60_000;
/**
 * So many requests at once wait for an answer of a host of which nothing is known; each answer doubles it, as in the slow start of
 * TCP. Others are held back, for so long at most.
 */
const FIRST_WINDOW = 2;
const MAX_WINDOW = 64;
const MAX_HELD_MS = 1_000;
/** After this long without a request nothing is known any more. */
const IDLE_MS = 60_000;
/** Repositories name thousands of hosts. */
const MAX_HOSTS = 1000;

/** Statuses that answer the request: what such a response says of later ones is about its file alone. */
const ANSWERS = new Set([200, 203, 206, 304, 404, 410, 416]);

/** A longer Retry-After, which may be repeated, says nothing. */
const MAX_RETRY_AFTER_CHARACTERS = 1024;

/** Returns the seconds, of which the field may have several as it is repeated: the most count. */
function secondsOf(text: string): number | undefined {
  return /^\d+(?:\s*,\s*\d+)*$/.test(text) ? Math.max(...text.split(",").map(Number)) : undefined;
}

/**
 * Returns for how long a response asks not to be asked again; undefined where it does not. Hosts say so with 429 and 503, but also
 * with 403 (secondary limits), 502, 202 and redirects. A date is one of the host's clock, which its Date tells.
 */
export function retryAfterMs(
  { status, headers }: Pick<Response, "status" | "headers">,
  now: number,
): number | undefined {
  const text = headers.get("retry-after")?.trim() ?? "";
  if (text === "" || text.length > MAX_RETRY_AFTER_CHARACTERS || ANSWERS.has(status)) return undefined;
  const seconds = secondsOf(text);
  const sentAt = parseHttpDate(headers.get("date"), now) ?? now;
  const ms = seconds === undefined ? (parseHttpDate(text, now) ?? sentAt) - sentAt : 1000 * seconds;
  return ms > 0 ? Math.min(ms, MAX_WAIT_MS) : undefined;
}

export interface HostGate extends HostWaits {
  /**
   * Waits until a request may be sent. The returned function is to be called once it was answered, with whether it was.
   * @param host HOST:PORT
   * @throws {SourceError} while the host asked to wait
   */
  enter(host: string): Promise<(answered: boolean) => void>;
}

interface HostState {
  waitUntil: number;
  /** How many requests may wait for its answer at once. */
  window: number;
  unanswered: number;
  lastRequestAt: number;
  held: (() => void)[];
}

export function createHostGate(now: () => number): HostGate {
  const states = new Map<string, HostState>();

  function stateOf(host: string): HostState {
    const state = states.get(host) ?? { waitUntil: 0, window: FIRST_WINDOW, unanswered: 0, lastRequestAt: 0, held: [] };
    states.delete(host);
    states.set(host, state);
    for (const [oldest, { unanswered }] of states) {
      if (states.size <= MAX_HOSTS) break;
      if (unanswered === 0 && oldest !== host) states.delete(oldest);
    }
    return state;
  }

  /** A time further ahead was noted before the clock was set back. */
  function untilOf(state: HostState | undefined): number | undefined {
    if (!state || state.waitUntil <= now() || state.waitUntil > now() + MAX_WAIT_MS) return undefined;
    return state.waitUntil;
  }

  function checkWait(host: string, state: HostState): void {
    const until = untilOf(state);
    if (until === undefined) return;
    const waitMs = until - now();
    const reason = `${host} asked to wait, and is asked again in ${Math.ceil(waitMs / 1000)} s`;
    throw new SourceError("failed", reason, { retryAfterMs: waitMs });
  }

  function release(state: HostState): void {
    for (const go of state.held.splice(0)) go();
  }

  /** Resolves when another request has ended. */
  async function untilReleased(state: HostState): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, MAX_HELD_MS);
    state.held.push(resolve);
    await promise;
    clearTimeout(timer);
  }

  return {
    async enter(host) {
      const state = stateOf(host);
      checkWait(host, state);
      if (state.unanswered === 0 && now() - state.lastRequestAt > IDLE_MS) state.window = FIRST_WINDOW;
      const heldSince = performance.now();
      while (state.unanswered >= state.window && performance.now() - heldSince < MAX_HELD_MS) {
        await untilReleased(state);
        checkWait(host, state);
      }
      state.unanswered++;
      state.lastRequestAt = now();
      return (answered) => {
        state.unanswered--;
        // A host that just asked to wait has not answered.
        if (answered && untilOf(state) === undefined) state.window = Math.min(2 * state.window, MAX_WINDOW);
        release(state);
      };
    },
    wait(host, until) {
      const state = stateOf(host);
      state.waitUntil = Math.max(untilOf(state) ?? 0, until);
      state.window = FIRST_WINDOW;
    },
    waitUntil: (host) => untilOf(states.get(host)),
  };
}
