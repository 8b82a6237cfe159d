/**
 * Limits how many tasks run at once and picks the next one fairly: clients take turns, short tasks do not wait behind long ones,
 * tasks that somebody waits for go before work ahead of need, and no task waits for ever. A task that turns out slow yields
 * its slot, as far as there are slots for those that have, so that a few of them do not hold up all others; where they take all
 * there are, the slowest is ended.
 */
import { abortable } from "./abort.ts";
import { createHeap, type Heap } from "./heap.ts";

export interface Task {
  /** Size of the work. */
  readonly bytes: number;
  /** Whether somebody waits for it. */
  readonly urgent: boolean;
  /** Whose turn it takes; undefined for the server's own. */
  readonly client?: string | undefined;
}

/** Larger tasks are long, unless the semaphore knows better. */
export const LONG_TASK_BYTES = 32 * 1024 * 1024;
/** How long none of those that wait may be started until they count as stuck. */
const MAX_STUCK_MS = 5_000;
/** How long a slow task may take, no matter who waits. */
const SLOW_TASK_MS = 20_000;
/** Work of this many bytes is worth a millisecond of waiting. */
const BYTES_PER_MS = 10_000;

/** Returns how many of all slots long tasks may hold, so that short ones find a slot. */
export function maxLongTasks(slots: number): number {
  return Math.max(1, slots - Math.max(1, Math.floor(slots / 4)));
}

/** Permission to run. */
export interface Slot {
  /** Gives the slot back; a second call does nothing. */
  release(): void;
  /** Lets another task have the slot, once there is a yielded slot for this one to run on in. */
  yield(): void;
  /**
   * Reports how fast the task is, time and again while it is slow. Where others wait in vain, the slowest of those that have had
   * their time is ended.
   * @param slow undefined for a task that is slow no longer
   */
  reportSlow(slow: SlowTask | undefined): void;
}

export interface SlowTask {
  readonly bytesPerSecond: number;
  /** Ends the task, which then releases its slot. */
  readonly end: () => void;
}

/** A task's place in the queue. */
export interface Ticket {
  /** Resolves when the task may start. */
  readonly granted: Promise<Slot>;
  /** Makes the task urgent: somebody waits for it from now on. */
  raisePriority(): void;
  /** Leaves the queue; does nothing once the slot is granted. */
  leave(): void;
}

export interface PrioritySemaphore {
  acquire(task: Task): Ticket;
  /** How many tasks wait for a slot. */
  readonly waiting: number;
}

interface Entry {
  urgent: boolean;
  readonly isLong: boolean;
  readonly queuedAt: number;
  /** When it would be done had it started when it was queued. */
  readonly doneAt: number;
  readonly line: Line;
  startedAt: number;
  slow?: SlowTask | undefined;
  readonly grant: (slot: Slot) => void;
}

/** What one client waits for, and how much of it runs. */
interface Line {
  readonly client: string | undefined;
  readonly short: Heap<Entry>;
  readonly long: Heap<Entry>;
  /** Lines with a lower number go first. */
  turn: number;
  running: number;
}

function compareEntries(a: Entry, b: Entry): number {
  return Number(b.urgent) - Number(a.urgent) || a.doneAt - b.doneAt || a.queuedAt - b.queuedAt;
}

function compareHeads(a: Entry, b: Entry): number {
  return Number(b.urgent) - Number(a.urgent) || a.line.turn - b.line.turn || compareEntries(a, b);
}

/** Returns what the client gets next. */
function headOf({ short, long }: Line, mayBeLong: boolean): Entry | undefined {
  if (!mayBeLong || !long.first) return short.first;
  return short.first && compareEntries(short.first, long.first) < 0 ? short.first : long.first;
}

/**
 * @param slots returns how many there are; called at each change
 * @param yieldedSlots how many tasks more may run that have yielded their slots
 * @param maxPerClient how many tasks of one client may run at once
 * @param now milliseconds of any clock that does not go back
 * @param longBytes returns the size above which a task is long
 */
export function createPrioritySemaphore(
  slots: () => number,
  yieldedSlots: number,
  maxPerClient = Number.POSITIVE_INFINITY,
  now: () => number = () => performance.now(),
  longBytes: () => number = () => LONG_TASK_BYTES,
): PrioritySemaphore {
  const lines = new Map<string | undefined, Line>();
  const running = new Set<Entry>();
  const yielding = new Set<Entry>();
  const yielded = new Set<Entry>();
  let runningLong = 0;
  let waiting = 0;
  let turn = 0;
  /** When a task was started last, or the first of those that wait now began to. */
  let stuckSince = Number.NEGATIVE_INFINITY;

  function lineOf(client: string | undefined): Line {
    const known = lines.get(client);
    if (known) return known;
    const line = { client, short: createHeap(compareEntries), long: createHeap(compareEntries), turn, running: 0 };
    lines.set(client, line);
    return line;
  }

  const queueOf = ({ isLong, line }: Entry) => (isLong ? line.long : line.short);

  function forgetIfIdle({ client, short, long, running: count }: Line): void {
    if (count + short.size + long.size === 0) lines.delete(client);
  }

  /** Returns whether the entry was waiting. */
  function leave(entry: Entry): boolean {
    const { line } = entry;
    if (!queueOf(entry).delete(entry)) return false;
    waiting--;
    forgetIfIdle(line);
    return true;
  }

  function next(): Entry | undefined {
    if (waiting === 0 || running.size >= slots()) return undefined;
    const mayBeLong = runningLong < maxLongTasks(slots());
    let first: Entry | undefined;
    for (const line of lines.values()) {
      if (line.client !== undefined && line.running >= maxPerClient) continue;
      const head = headOf(line, mayBeLong);
      if (head && (!first || compareHeads(head, first) < 0)) first = head;
    }
    return first;
  }

  function stopRunning(entry: Entry): boolean {
    if (!running.delete(entry)) return false;
    yielding.delete(entry);
    if (entry.isLong) runningLong--;
    return true;
  }

  /** Work ahead of need ends nothing. */
  const isAwaited = ({ short, long }: Line) => short.first?.urgent === true || long.first?.urgent === true;

  function endSlowest(): void {
    if (now() - stuckSince < MAX_STUCK_MS || ![...lines.values()].some(isAwaited)) return;
    const slowest = [...running, ...yielded]
      .filter(({ slow, startedAt }) => slow && now() - startedAt >= SLOW_TASK_MS)
      .toSorted((a, b) => (a.slow?.bytesPerSecond ?? 0) - (b.slow?.bytesPerSecond ?? 0))[0];
    if (!slowest) return;
    stuckSince = now();
    slowest.slow?.end();
  }

  function slotOf(entry: Entry): Slot {
    return {
      release() {
        if (!stopRunning(entry) && !yielded.delete(entry)) return;
        entry.line.running--;
        forgetIfIdle(entry.line);
        startNext();
      },
      yield() {
        if (!running.has(entry)) return;
        yielding.add(entry);
        startNext();
      },
      reportSlow(slow) {
        entry.slow = slow;
        endSlowest();
      },
    };
  }

  function startNext(): void {
    for (const entry of yielding) {
      if (yielded.size >= yieldedSlots) break;
      stopRunning(entry);
      yielded.add(entry);
    }
    for (let entry = next(); entry; entry = next()) {
      const { line } = entry;
      line.running++;
      leave(entry);
      turn = Math.max(turn, line.turn);
      line.turn = turn + 1;
      running.add(entry);
      entry.startedAt = stuckSince = now();
      if (entry.isLong) runningLong++;
      entry.grant(slotOf(entry));
    }
  }

  return {
    acquire({ bytes, urgent, client }) {
      const { promise: granted, resolve: grant } = Promise.withResolvers<Slot>();
      const queuedAt = now();
      const doneAt = queuedAt + bytes / BYTES_PER_MS;
      const isLong = bytes > longBytes();
      const entry: Entry = { urgent, isLong, queuedAt, doneAt, line: lineOf(client), startedAt: queuedAt, grant };
      if (waiting === 0) stuckSince = queuedAt;
      queueOf(entry).add(entry);
      waiting++;
      startNext();
      return {
        granted,
        raisePriority() {
          if (entry.urgent || !queueOf(entry).delete(entry)) return;
          entry.urgent = true;
          queueOf(entry).add(entry);
        },
        leave: () => void leave(entry),
      };
    },
    get waiting() {
      return waiting;
    },
  };
}

/** Returns the semaphore with slots that are not given back sooner than that, so that tasks that end at once are not too many. */
export function heldAtLeast(semaphore: PrioritySemaphore, leastMs: number): PrioritySemaphore {
  const hold = (slot: Slot): Slot => {
    const grantedAt = performance.now();
    const release = () => void setTimeout(slot.release, Math.max(0, leastMs - (performance.now() - grantedAt)));
    return { ...slot, release };
  };
  return {
    acquire(task) {
      const ticket = semaphore.acquire(task);
      return { ...ticket, granted: ticket.granted.then(hold) };
    },
    get waiting() {
      return semaphore.waiting;
    },
  };
}

/**
 * Does the work in a slot of its own, once one is granted.
 * @throws the signal's reason if it aborts before that; what is begun holds its slot until it is done
 */
export async function inSlot<T>(
  semaphore: PrioritySemaphore,
  task: Task,
  signal: AbortSignal,
  work: () => Promise<T>,
): Promise<T> {
  const ticket = semaphore.acquire(task);
  try {
    const slot = await abortable(ticket.granted, signal, (late) => late.release());
    return await work().finally(slot.release);
  } finally {
    ticket.leave();
  }
}
