import { expect, test } from "bun:test";
import fc from "fast-check";
import { createPrioritySemaphore, LONG_TASK_BYTES, maxLongTasks, nextTask, type Task } from "./priority-semaphore.ts";

const MIB = 1024 * 1024;
const SMALL = MIB;
const LARGE = 1000 * MIB;

function task(bytes: number, queuedAt = 0, urgent = true): Task {
  return { bytes, queuedAt: queuedAt, urgent };
}

test("a short task goes before a long one that was queued a little earlier, not before one that has waited long", () => {
  expect(nextTask([task(LARGE, 0), task(SMALL, 1000)], [], 4)).toBe(1);
  expect(nextTask([task(LARGE, 0), task(SMALL, 200_000)], [], 4)).toBe(0);
  expect(nextTask([task(SMALL, 5), task(SMALL, 3)], [], 4)).toBe(1);
});

test("long tasks leave slots for short ones, however many wait", () => {
  const large = Array.from({ length: 20 }, () => task(LARGE));
  for (const slots of [2, 4, 16]) {
    const running = large.slice(0, maxLongTasks(slots));
    expect(maxLongTasks(slots)).toBeLessThan(slots);
    expect(nextTask(large, running, slots)).toBeUndefined();
    expect(nextTask([...large, task(SMALL, 9e9)], running, slots)).toBe(20);
  }
  expect(nextTask(large, [], 1)).toBe(0);
});

test("a task that nobody waits for comes last until its priority is raised", async () => {
  expect(nextTask([task(1, 0, false), task(LARGE, 1000)], [], 2)).toBe(1);
  expect(nextTask([task(1, 0, false)], [], 2)).toBe(0);
  const semaphore = createPrioritySemaphore(() => 1);
  const done = await semaphore.acquire({ bytes: 1, urgent: true }).granted;
  const order: string[] = [];
  const start = (name: string, urgent: boolean) => {
    const ticket = semaphore.acquire({ bytes: 1, urgent });
    const started = ticket.granted.then((release) => {
      order.push(name);
      release();
    });
    return { ticket, started };
  };
  const ahead = [start("ahead", false), start("urged", false)];
  const client = start("client", true);
  ahead[1]?.ticket.raisePriority();
  done();
  await Promise.all([client.started, ...ahead.map(({ started }) => started)]);
  expect(order).toEqual(["urged", "client", "ahead"]);
});

test("a slot given back twice counts once, and a higher limit lets more tasks start", async () => {
  let slots = 1;
  const semaphore = createPrioritySemaphore(() => slots);
  const first = await semaphore.acquire({ bytes: 1, urgent: true }).granted;
  const [second, third, fourth] = [1, 2, 3].map((bytes) => semaphore.acquire({ bytes, urgent: true }));
  first();
  first();
  await second?.granted;
  expect(semaphore.waiting).toBe(2);
  slots = 3;
  semaphore.acquire({ bytes: 4, urgent: true });
  await Promise.all([third?.granted, fourth?.granted]);
  expect(semaphore.waiting).toBe(1);
});

test("all slots are in use while short tasks wait, never more than there are, and long tasks never hold all of them", () => {
  const tasks = fc.array(
    fc.record({ bytes: fc.constantFrom(SMALL, LONG_TASK_BYTES + 1), queuedAt: fc.nat(1000), urgent: fc.boolean() }),
    { maxLength: 12 },
  );
  fc.assert(
    fc.property(tasks, fc.integer({ min: 1, max: 8 }), (all, slots) => {
      const waiting = [...all];
      const running: Task[] = [];
      for (let i = nextTask(waiting, running, slots); i !== undefined; i = nextTask(waiting, running, slots)) {
        running.push(...waiting.splice(i, 1));
      }
      expect(running.length).toBeLessThanOrEqual(slots);
      if (running.length < slots) expect(waiting.every(({ bytes }) => bytes > LONG_TASK_BYTES)).toBe(true);
      expect(running.filter(({ bytes }) => bytes > LONG_TASK_BYTES).length).toBeLessThanOrEqual(maxLongTasks(slots));
    }),
  );
});
