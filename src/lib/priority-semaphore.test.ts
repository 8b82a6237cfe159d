import { expect, test } from "bun:test";
import fc from "fast-check";
import { createTurns, LONG_BYTES, longPlaces, nextTurn, type Work } from "./priority-semaphore.ts";

const MIB = 1024 * 1024;
const SMALL = MIB;
const LARGE = 1000 * MIB;

function work(bytes: number, askedAt = 0, urgent = true): Work {
  return { bytes, askedAt, urgent };
}

test("short work goes before long work that was asked for a little earlier, not before what waits for long", () => {
  expect(nextTurn([work(LARGE, 0), work(SMALL, 1000)], [], 4)).toBe(1);
  expect(nextTurn([work(LARGE, 0), work(SMALL, 200_000)], [], 4)).toBe(0);
  expect(nextTurn([work(SMALL, 5), work(SMALL, 3)], [], 4)).toBe(1);
});

test("ten large ones leave places for small ones, whatever waits", () => {
  const large = Array.from({ length: 20 }, () => work(LARGE));
  for (const places of [2, 4, 16]) {
    const running = large.slice(0, longPlaces(places));
    expect(longPlaces(places)).toBeLessThan(places);
    expect(nextTurn(large, running, places)).toBeUndefined();
    expect(nextTurn([...large, work(SMALL, 9e9)], running, places)).toBe(20);
  }
  expect(nextTurn(large, [], 1)).toBe(0);
});

test("what nobody waits for comes last, until somebody does", async () => {
  expect(nextTurn([work(1, 0, false), work(LARGE, 1000)], [], 2)).toBe(1);
  expect(nextTurn([work(1, 0, false)], [], 2)).toBe(0);
  const turns = createTurns(() => 1);
  const done = await turns.ask({ bytes: 1, urgent: true }).begun;
  const order: string[] = [];
  const begin = (name: string, urgent: boolean) => {
    const turn = turns.ask({ bytes: 1, urgent });
    const begun = turn.begun.then((over) => {
      order.push(name);
      over();
    });
    return { turn, begun };
  };
  const ahead = [begin("ahead", false), begin("urged", false)];
  const client = begin("client", true);
  ahead[1]?.turn.urge();
  done();
  await Promise.all([client.begun, ...ahead.map(({ begun }) => begun)]);
  expect(order).toEqual(["urged", "client", "ahead"]);
});

test("a place given back twice is one place, and more places let more begin", async () => {
  let places = 1;
  const turns = createTurns(() => places);
  const first = await turns.ask({ bytes: 1, urgent: true }).begun;
  const [second, third, fourth] = [1, 2, 3].map((bytes) => turns.ask({ bytes, urgent: true }));
  first();
  first();
  await second?.begun;
  expect(turns.waiting).toBe(2);
  places = 3;
  turns.ask({ bytes: 4, urgent: true });
  await Promise.all([third?.begun, fourth?.begun]);
  expect(turns.waiting).toBe(1);
});

test("all places are used as long as short work waits, never more than there are, and long work never has all", () => {
  const works = fc.array(
    fc.record({ bytes: fc.constantFrom(SMALL, LONG_BYTES + 1), askedAt: fc.nat(1000), urgent: fc.boolean() }),
    { maxLength: 12 },
  );
  fc.assert(
    fc.property(works, fc.integer({ min: 1, max: 8 }), (all, places) => {
      const waiting = [...all];
      const running: Work[] = [];
      for (let i = nextTurn(waiting, running, places); i !== undefined; i = nextTurn(waiting, running, places)) {
        running.push(...waiting.splice(i, 1));
      }
      expect(running.length).toBeLessThanOrEqual(places);
      if (running.length < places) expect(waiting.every(({ bytes }) => bytes > LONG_BYTES)).toBe(true);
      expect(running.filter(({ bytes }) => bytes > LONG_BYTES).length).toBeLessThanOrEqual(longPlaces(places));
    }),
  );
});
