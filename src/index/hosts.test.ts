import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { createHosts } from "../mirrors/hosts.ts";
import { createFakeClock } from "../testing/fake-clock.ts";
import { createTempFolder } from "../testing/temp.ts";
import { createHostRows, readHosts } from "./hosts.ts";
import { openIndex } from "./open.ts";

const MIGRATIONS = `${import.meta.dir}/../../drizzle`;
const DAY = 24 * 60 * 60_000;

test("statistics of hosts outlive a restart, and those of hosts without requests for half a year are forgotten", () => {
  using folder = createTempFolder();
  const path = folder.file("index.sqlite");
  expect(readHosts(path)).toEqual([]);
  const clock = createFakeClock();
  const onCircuitChange = () => undefined;
  const first = openIndex(path, MIGRATIONS);
  const before = createHosts({ rows: createHostRows(first.db), clock, onCircuitChange });
  const request = before.at("http://a.test").startRequest(1_000_000);
  request.firstByte(40);
  request.received(100_000, 0);
  request.received(900_000, 450);
  request.end("delivered");
  before.at("http://b.test").startRequest(undefined).end("unreachable");
  const underWay = before.at("http://a.test").startRequest(undefined);
  before.at("http://never.test");
  expect(readHosts(path)).toEqual([]);
  before.flush();
  // The writer has it open still.
  expect(new Map(readHosts(path).map(({ host, activeRequests }) => [host, activeRequests]))).toEqual(
    new Map([
      ["http://a.test", 1],
      ["http://b.test", 0],
    ]),
  );
  underWay.end("cancelled");
  const learned = ["http://a.test", "http://b.test"].map((key) => before.at(key).stats);
  first.close();

  const second = openIndex(path, MIGRATIONS);
  const rows = createHostRows(second.db);
  const after = createHosts({ rows, clock, onCircuitChange });
  expect(["http://a.test", "http://b.test"].map((key) => after.at(key).stats)).toEqual(learned);
  expect([after.at("http://b.test").circuit, after.at("http://a.test").activeRequests]).toEqual(["open", 0]);
  expect(learned[0]?.bytesPerSecond).toBeCloseTo(2_000_000, 0);
  // A clock that was set makes nobody old.
  clock.set(clock.now() + 200 * DAY);
  const later = createHosts({ rows, clock, onCircuitChange });
  later.at("http://c.test").startRequest(undefined).end("unreachable");
  later.flush();
  expect(rows.all()).toHaveLength(3);
  createHosts({ rows, clock, onCircuitChange }).flush();
  expect(rows.all().map(({ host }) => host)).toEqual(["http://c.test"]);
  second.close();
});

test("an index from before has no hosts, a damaged one is an error", () => {
  using folder = createTempFolder();
  const path = folder.file("index.sqlite");
  const index = openIndex(path, MIGRATIONS);
  index.db.run("DROP TABLE hosts");
  index.close();
  expect(readHosts(path)).toEqual([]);
  writeFileSync(path, "garbage ".repeat(1000));
  expect(() => readHosts(path)).toThrow();
});

test("records that could not be written are written next time", () => {
  let fails = true;
  const written: string[] = [];
  const rows = {
    all: () => [],
    forget: () => undefined,
    putAll(records: readonly { readonly host: string }[]) {
      if (fails) throw new Error("disk full");
      written.push(...records.map(({ host }) => host));
    },
  };
  const hosts = createHosts({ rows, clock: createFakeClock(), onCircuitChange: () => undefined });
  hosts.at("http://a.test").startRequest(undefined).end("absent");
  expect(() => hosts.flush()).toThrow("disk full");
  fails = false;
  hosts.flush();
  hosts.flush();
  expect(written).toEqual(["http://a.test"]);
});
