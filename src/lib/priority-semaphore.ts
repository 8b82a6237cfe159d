/**
 * Limits how many tasks run at once and picks the next one fairly: short tasks do not wait behind long ones, tasks that somebody
 * waits for go before work ahead of need, and no task waits for ever.
 */

export interface Task {
  /** Size of the work. */
  readonly bytes: number;
  /** Whether somebody waits for it. */
  readonly urgent: boolean;
  /** Milliseconds of any clock that does not go back. */
  readonly queuedAt: number;
}

/** Larger tasks are long. */
export const LONG_TASK_BYTES = 32 * 1024 * 1024;
/** Work of so many bytes is worth a millisecond of waiting. */
const BYTES_PER_MS = 10_000;

/** Returns how many of so many slots long tasks may hold, so that short ones find a slot. */
export function maxLongTasks(slots: number): number {
  return Math.max(1, slots - Math.max(1, Math.floor(slots / 4)));
}

/**
 * Picks the next task (pure): of those that somebody waits for, the one that would be done first had each started when it was
 * queued.
 * @param slots how many there are in all, those of `running` included
 * @returns the index of a waiting task, undefined where none may start now
 */
export function nextTask(waiting: readonly Task[], running: readonly Task[], slots: number): number | undefined {
  if (running.length >= slots) return undefined;
  const noLongTask = running.filter(({ bytes }) => bytes > LONG_TASK_BYTES).length >= maxLongTasks(slots);
  const doneAt = ({ queuedAt, bytes }: Task) => queuedAt + bytes / BYTES_PER_MS;
  const eligible = [...waiting.entries()].filter(([, { bytes }]) => !noLongTask || bytes <= LONG_TASK_BYTES);
  const [first] = eligible.toSorted(
    ([, a], [, b]) => Number(b.urgent) - Number(a.urgent) || doneAt(a) - doneAt(b) || a.queuedAt - b.queuedAt,
  );
  return first?.[0];
}

/** A task's place in the queue. */
export interface Ticket {
  /** Resolves when the task may start, with a function that gives the slot back (calling it twice does nothing more). */
  readonly granted: Promise<() => void>;
  /** Makes the task urgent: somebody waits for it from now on. */
  raisePriority(): void;
}

export interface PrioritySemaphore {
  acquire(task: Pick<Task, "bytes" | "urgent">): Ticket;
  /** How many tasks wait for a slot. */
  readonly waiting: number;
}

/** @param slots returns how many there are; called at each change */
export function createPrioritySemaphore(slots: () => number): PrioritySemaphore {
  interface Entry {
    task: Task;
    readonly grant: (release: () => void) => void;
  }
  const waiting: Entry[] = [];
  const running = new Set<Entry>();

  function startNext(): void {
    for (;;) {
      const index = nextTask(
        waiting.map(({ task }) => task),
        [...running].map(({ task }) => task),
        slots(),
      );
      const [entry] = index === undefined ? [] : waiting.splice(index, 1);
      if (!entry) return;
      running.add(entry);
      entry.grant(() => {
        if (running.delete(entry)) startNext();
      });
    }
  }

  return {
    acquire({ bytes, urgent }) {
      const { promise: granted, resolve: grant } = Promise.withResolvers<() => void>();
      const entry: Entry = { task: { bytes, urgent, queuedAt: performance.now() }, grant };
      waiting.push(entry);
      startNext();
      return {
        granted,
        raisePriority() {
          entry.task = { ...entry.task, urgent: true };
          startNext();
        },
      };
    },
    get waiting() {
      return waiting.length;
    },
  };
}
