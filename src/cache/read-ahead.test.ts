import { expect, test } from "bun:test";
import type { DistEntry } from "../distfile/digests.ts";
import type { DistfileName } from "../distfile/name.ts";
import { openLog } from "../lib/log.ts";
import type { PrefetchOutcome } from "./prefetch.ts";
import { createReadAhead } from "./read-ahead.ts";

const log = await openLog("error", "text");
const entry = (name: string, size = 10): DistEntry => ({ name: name as DistfileName, size, blake2b: name });
const turn = () => Bun.sleep(1);

/** Files begun, in order; each goes on until it is released. */
function createAll(maxDownloads: number, names: readonly string[], spareBytes = 1000) {
  const begun: string[] = [];
  const ends = new Map<string, (outcome: PrefetchOutcome) => void>();
  let lookups = 0;
  const readAhead = createReadAhead({
    maxDownloads,
    siblings: async () => {
      lookups++;
      return names.map((name) => entry(name));
    },
    spareBytes: () => spareBytes,
    prefetch({ name }) {
      begun.push(name);
      const { promise, resolve } = Promise.withResolvers<PrefetchOutcome>();
      ends.set(name, resolve);
      return promise;
    },
    log,
  });
  const missed = async (name: string) => {
    readAhead.missed(name as DistfileName, entry(name));
    await turn();
  };
  const end = async (name: string, outcome: PrefetchOutcome = "fetched") => {
    ends.get(name)?.(outcome);
    await turn();
  };
  return { readAhead, begun, missed, end, lookups: () => lookups };
}

test("siblings are fetched in their order, only so many at once", async () => {
  const { begun, missed, end } = createAll(2, ["a", "b", "c", "d"]);
  await missed("x");
  expect(begun).toEqual(["a", "b"]);
  await end("b");
  expect(begun).toEqual(["a", "b", "c"]);
});

test("a sibling that a client requests first is left to the client, and its siblings are not looked up again", async () => {
  const { begun, missed, end, lookups } = createAll(1, ["a", "b", "c"]);
  await missed("x");
  await missed("b");
  await end("a");
  expect([begun, lookups()]).toEqual([["a", "c"], 1]);
});

test("files fetched ahead are counted, and those used", async () => {
  const { readAhead, missed, end } = createAll(3, ["a", "b", "c"]);
  await missed("x");
  for (const name of ["a", "b"]) await end(name);
  await end("c", "failed");
  for (const name of ["b", "b", "c", "x"]) readAhead.served(name as DistfileName);
  expect(readAhead.counts).toEqual({ fetched: 2, used: 1 });
});

test("of an ebuild whose files can't be had only so many are tried, and others are fetched ahead all the same", async () => {
  const { begun, missed, end } = createAll(
    1,
    Array.from({ length: 100 }, (_, i) => `f${i}`),
  );
  await missed("x");
  for (let i = 0; i < 40; i++) await end(`f${i}`, i % 5 === 4 ? "skipped" : "failed");
  expect(begun.length).toBe(39);
  await missed("y");
  expect(begun.length).toBe(40);
});

test("read-ahead takes no more than the store has room for", async () => {
  const { begun, missed } = createAll(9, ["a", "b", "c"], 25);
  await missed("x");
  expect(begun).toEqual(["a", "b"]);
});

test("files that wait already count against the room", async () => {
  const { begun, missed } = createAll(1, ["a", "b", "c"], 25);
  await missed("x");
  await missed("y");
  expect(begun).toEqual(["a"]);
});

test("with a limit of 0, and once stopped, nothing is fetched ahead", async () => {
  const off = createAll(0, ["a"]);
  await off.missed("x");
  const stopped = createAll(1, ["a", "b"]);
  await stopped.missed("x");
  stopped.readAhead.stop();
  await stopped.end("a");
  expect([off.begun, stopped.begun]).toEqual([[], ["a"]]);
});
