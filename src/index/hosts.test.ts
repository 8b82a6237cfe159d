import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { createPlaces } from "../mirrors/hosts.ts";
import { createFakeClock } from "../testing/fake-clock.ts";
import { createTempFolder } from "../testing/temp.ts";
import { createPlaceRows, readPlaces } from "./hosts.ts";
import { openIndex } from "./open.ts";

const MIGRATIONS = `${import.meta.dir}/../../drizzle`;
const DAY = 24 * 60 * 60_000;

test("what was learnt of places outlives a restart, and those not asked for half a year are forgotten", () => {
  using folder = createTempFolder();
  const path = folder.file("index.sqlite");
  expect(readPlaces(path)).toEqual([]);
  const clock = createFakeClock();
  const onCircuit = () => undefined;
  const first = openIndex(path, MIGRATIONS);
  const before = createPlaces({ memory: createPlaceRows(first.db), clock, onCircuit });
  const trial = before.at("http://a.test").startRequest(1_000_000);
  trial.firstByte(40);
  trial.received(100_000, 0);
  trial.received(900_000, 450);
  trial.end("delivered");
  before.at("http://b.test").startRequest(undefined).end("unreachable");
  const underWay = before.at("http://a.test").startRequest(undefined);
  before.at("http://never.test");
  expect(readPlaces(path)).toEqual([]);
  before.flush();
  // The writer has it open still.
  expect(readPlaces(path).map(({ place, carrying }) => [place, carrying])).toEqual([
    ["http://a.test", 1],
    ["http://b.test", 0],
  ]);
  underWay.end("cancelled");
  const learnt = ["http://a.test", "http://b.test"].map((key) => before.at(key).known);
  first.close();

  const second = openIndex(path, MIGRATIONS);
  const rows = createPlaceRows(second.db);
  const after = createPlaces({ memory: rows, clock, onCircuit });
  expect(["http://a.test", "http://b.test"].map((key) => after.at(key).known)).toEqual(learnt);
  expect([after.at("http://b.test").circuit, after.at("http://a.test").carrying]).toEqual(["open", 0]);
  expect(learnt[0]?.bytesPerSecond).toBeCloseTo(2_000_000, 0);
  clock.set(clock.now() + 200 * DAY);
  createPlaces({ memory: rows, clock, onCircuit }).flush();
  expect(rows.all()).toEqual([]);
  second.close();
});

test("an index from before has no places, a damaged one is an error", () => {
  using folder = createTempFolder();
  const path = folder.file("index.sqlite");
  const index = openIndex(path, MIGRATIONS);
  index.db.run("DROP TABLE places");
  index.close();
  expect(readPlaces(path)).toEqual([]);
  writeFileSync(path, "garbage ".repeat(1000));
  expect(() => readPlaces(path)).toThrow();
});

test("what could not be written counts next time", () => {
  let fails = true;
  const written: string[] = [];
  const memory = {
    all: () => [],
    forget: () => undefined,
    putAll(places: readonly { readonly place: string }[]) {
      if (fails) throw new Error("disk full");
      written.push(...places.map(({ place }) => place));
    },
  };
  const places = createPlaces({ memory, clock: createFakeClock(), onCircuit: () => undefined });
  places.at("http://a.test").startRequest(undefined).end("absent");
  expect(() => places.flush()).toThrow("disk full");
  fails = false;
  places.flush();
  places.flush();
  expect(written).toEqual(["http://a.test"]);
});
