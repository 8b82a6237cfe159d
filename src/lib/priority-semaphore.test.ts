import { expect, test } from "bun:test";
import fc from "fast-check";
import { startProcessorTime } from "../testing/processor-time.ts";
import {
  createPrioritySemaphore,
  heldAtLeast,
  inSlot,
  LONG_TASK_BYTES,
  maxLongTasks,
  type PrioritySemaphore,
  type Slot,
  type Task,
} from "./priority-semaphore.ts";

const MIB = 1024 * 1024;
const SMALL = MIB;
const LARGE = 1000 * MIB;

/** A semaphore whose clock stands still, with the names of the tasks that were granted a slot. */
function setUp(slots: number, yieldedSlots = 0, perClient = 100) {
  let now = 0;
  const granted: string[] = [];
  const held: Slot[] = [];
  const semaphore = createPrioritySemaphore(
    () => slots,
    yieldedSlots,
    perClient,
    () => now,
  );
  function queue(name: string, task: Partial<Task> = {}, queuedAt = 0) {
    now = queuedAt;
    const ticket = semaphore.acquire({ bytes: SMALL, urgent: true, ...task });
    void ticket.granted.then((slot) => {
      granted.push(name);
      held.push(slot);
    });
    return ticket;
  }
  /** Gives back one slot after the other until nobody holds any. */
  async function drain(): Promise<readonly string[]> {
    await Bun.sleep(0);
    for (let slot = held.shift(); slot; slot = held.shift()) {
      slot.release();
      await Bun.sleep(0);
    }
    return granted;
  }
  const wait = (until: number) => {
    now = until;
  };
  return { semaphore, queue, drain, granted, held, wait };
}

test("a short task goes before a long one that was queued a little earlier, not before one that has waited long", async () => {
  const { queue, drain } = setUp(2);
  queue("running");
  queue("running too");
  queue("large", { bytes: LARGE }, 0);
  queue("late", {}, 200_000);
  queue("small", {}, 5);
  queue("smaller", { bytes: 1 }, 5);
  expect((await drain()).slice(2)).toEqual(["smaller", "small", "large", "late"]);
});

test("long tasks leave slots for short ones, however many wait", async () => {
  for (const slots of [2, 4, 16]) {
    const { queue, granted } = setUp(slots);
    for (let i = 0; i < 20; i++) queue(`large ${i}`, { bytes: LARGE });
    await Bun.sleep(0);
    expect(granted.length).toBe(maxLongTasks(slots));
    expect(granted.length).toBeLessThan(slots);
    queue("small");
    await Bun.sleep(0);
    expect(granted.at(-1)).toBe("small");
  }
});

test("a task that nobody waits for comes last until its priority is raised", async () => {
  const { queue, drain } = setUp(1);
  queue("running");
  queue("ahead", { urgent: false });
  const raised = queue("raised", { urgent: false });
  queue("client", {}, 5);
  raised.raisePriority();
  expect(await drain()).toEqual(["running", "raised", "client", "ahead"]);
});

test("clients take turns, however many tasks one of them has queued", async () => {
  const { queue, drain } = setUp(1);
  for (let i = 0; i < 6; i++) queue(`greedy ${i}`, { client: "greedy" }, i);
  queue("modest 0", { client: "modest" }, 100);
  queue("modest 1", { client: "modest" }, 101);
  const order = await drain();
  expect(order.slice(0, 5)).toEqual(["greedy 0", "modest 0", "greedy 1", "modest 1", "greedy 2"]);
});

test("one client may not run more than its share, whoever else waits", async () => {
  const { queue, granted, held } = setUp(4, 0, 2);
  for (let i = 0; i < 4; i++) queue(`greedy ${i}`, { client: "greedy" }, i);
  for (let i = 0; i < 3; i++) queue(`own ${i}`, {}, 50);
  await Bun.sleep(0);
  expect(granted).toEqual(["greedy 0", "greedy 1", "own 0", "own 1"]);
  held[2]?.release();
  held[0]?.release();
  await Bun.sleep(0);
  expect(granted.slice(4).toSorted()).toEqual(["greedy 2", "own 2"]);
});

test("a task that leaves the queue is not granted a slot, and leaving later changes nothing", async () => {
  const { semaphore, queue, drain } = setUp(1);
  const running = queue("running");
  const leaving = queue("leaving");
  queue("waiting");
  leaving.leave();
  leaving.raisePriority();
  running.leave();
  expect(semaphore.waiting).toBe(1);
  expect(await drain()).toEqual(["running", "waiting"]);
});

test("work that is aborted before its slot is granted is never begun; what is begun holds its slot to the end", async () => {
  const semaphore = createPrioritySemaphore(() => 1, 0);
  const task = { bytes: 0, urgent: true };
  const stop = new AbortController();
  const ending = Promise.withResolvers<string>();
  let begun = 0;
  const work = () => {
    begun++;
    return ending.promise;
  };
  const first = inSlot(semaphore, task, stop.signal, work);
  const second = inSlot(semaphore, task, stop.signal, work);
  await Bun.sleep(0);
  stop.abort(new Error("nobody waits"));
  await expect(second).rejects.toThrow("nobody waits");
  const third = inSlot(semaphore, task, new AbortController().signal, work);
  await Bun.sleep(0);
  expect([begun, semaphore.waiting]).toEqual([1, 1]);
  ending.resolve("done");
  expect(await Promise.all([first, third])).toEqual(["done", "done"]);
});

test("a slot given back twice counts once, and a higher limit lets more tasks start", async () => {
  let slots = 1;
  const semaphore = createPrioritySemaphore(() => slots, 0);
  const first = await semaphore.acquire({ bytes: 1, urgent: true }).granted;
  const [second, third, fourth] = [1, 2, 3].map((bytes) => semaphore.acquire({ bytes, urgent: true }));
  first.release();
  first.release();
  await second?.granted;
  expect(semaphore.waiting).toBe(2);
  slots = 3;
  semaphore.acquire({ bytes: 4, urgent: true });
  await Promise.all([third?.granted, fourth?.granted]);
  expect(semaphore.waiting).toBe(1);
});

test("a task that yields gives its slot to the next one once it has a yielded slot, and that one when it ends", async () => {
  const { semaphore, queue, granted, held } = setUp(1, 1);
  for (const name of ["first", "second", "third"]) queue(name);
  await Bun.sleep(0);
  expect(granted).toEqual(["first"]);
  held[0]?.yield();
  held[0]?.yield();
  await Bun.sleep(0);
  expect(granted).toEqual(["first", "second"]);
  held[1]?.yield();
  await Bun.sleep(0);
  expect([granted.length, semaphore.waiting]).toEqual([2, 1]);
  held[0]?.release();
  await Bun.sleep(0);
  expect([granted.length, semaphore.waiting]).toEqual([3, 0]);
  held[1]?.release();
  held[2]?.yield();
  queue("fourth");
  await Bun.sleep(0);
  expect(granted.length).toBe(4);
});

test("where others wait in vain, the slowest of the slow tasks that have had their time is ended", async () => {
  const { queue, granted, held, wait } = setUp(1, 2);
  const ended: string[] = [];
  const report = () => {
    for (const [i, name] of granted.entries()) {
      const end = () => ended.push(name);
      held[i]?.reportSlow(name === "fast" ? undefined : { bytesPerSecond: name === "slow" ? 1_000 : 9_000, end });
    }
  };
  for (const name of ["fast", "slow", "slower than most"]) {
    queue(name);
    await Bun.sleep(0);
    held.at(-1)?.yield();
  }
  await Bun.sleep(0);
  wait(60_000);
  report();
  expect(ended).toEqual([]);
  queue("waiting", {}, 60_000);
  wait(64_000);
  report();
  expect(ended).toEqual([]);
  wait(66_000);
  report();
  report();
  expect(ended).toEqual(["slow"]);
  held[1]?.release();
  await Bun.sleep(0);
  expect(granted.at(-1)).toBe("waiting");
  wait(90_000);
  report();
  expect(ended).toEqual(["slow"]);
});

test("a slow task is left its time, and is not ended for work that nobody waits for", async () => {
  const { queue, held, wait } = setUp(1);
  let ended = 0;
  const report = () => held[0]?.reportSlow({ bytesPerSecond: 0, end: () => ended++ });
  queue("slow");
  queue("ahead of need", { urgent: false });
  await Bun.sleep(0);
  wait(60_000);
  report();
  expect(ended).toBe(0);
  held.shift()?.release();
  await Bun.sleep(0);
  queue("waiting", {}, 60_000);
  wait(79_000);
  report();
  expect(ended).toBe(0);
  wait(80_000);
  report();
  expect(ended).toBe(1);
});

test("all slots are in use while short tasks wait, never more than there are, and long tasks never hold all of them", async () => {
  const tasks = fc.array(
    fc.record({
      bytes: fc.constantFrom(SMALL, LONG_TASK_BYTES + 1),
      urgent: fc.boolean(),
      client: fc.constantFrom("a", "b", undefined),
    }),
    { maxLength: 12 },
  );
  await fc.assert(
    fc.asyncProperty(tasks, fc.integer({ min: 1, max: 8 }), async (all, slots) => {
      const running: Task[] = [];
      const semaphore: PrioritySemaphore = createPrioritySemaphore(() => slots, 0);
      for (const task of all) void semaphore.acquire(task).granted.then(() => running.push(task));
      await Bun.sleep(0);
      const isLong = ({ bytes }: Task) => bytes > LONG_TASK_BYTES;
      expect(running.length + semaphore.waiting).toBe(all.length);
      expect(running.length).toBeLessThanOrEqual(slots);
      expect(running.filter(isLong).length).toBeLessThanOrEqual(maxLongTasks(slots));
      if (running.length < slots) expect(all.filter((task) => !running.includes(task)).every(isLong)).toBe(true);
    }),
    { numRuns: 50 },
  );
});

test("ten thousand tasks that come and go cost no time to speak of", () => {
  const { semaphore, queue } = setUp(1);
  const tookMs = startProcessorTime();
  const tickets = Array.from({ length: 10_000 }, (_, i) => queue(`${i}`, { client: `${i % 50}`, bytes: i % 977 }));
  for (const ticket of tickets) ticket.leave();
  expect(tookMs()).toBeLessThan(1_000);
  expect(semaphore.waiting).toBe(0);
});

test("slots that are held for a time are given back no sooner, and a task that takes longer gives its own back at once", async () => {
  const semaphore = heldAtLeast(
    createPrioritySemaphore(() => 1, 0),
    40,
  );
  const startedAt = performance.now();
  for (let i = 0; i < 3; i++) (await semaphore.acquire({ bytes: 0, urgent: true }).granted).release();
  const slot = await semaphore.acquire({ bytes: 0, urgent: true }).granted;
  expect(performance.now() - startedAt).toBeGreaterThan(110);
  await Bun.sleep(50);
  const next = semaphore.acquire({ bytes: 0, urgent: true });
  expect(semaphore.waiting).toBe(1);
  slot.release();
  const releasedAt = performance.now();
  await next.granted;
  expect(performance.now() - releasedAt).toBeLessThan(30);
});
