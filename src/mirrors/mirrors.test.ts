import { expect, test } from "bun:test";
import { SourceError } from "../distfile/errors.ts";
import type { MirrorAnswers } from "../distfile/mirror-records.ts";
import type { DistfileName } from "../distfile/name.ts";
import type { Clock } from "../lib/clock.ts";
import { openLog } from "../lib/log.ts";
import { createFakeClock } from "../testing/fake-clock.ts";
import { createMirrorContents } from "./contents.ts";
import { createHosts } from "./hosts.ts";
import { createLayouts } from "./layouts.ts";
import { createMirrors } from "./mirrors.ts";

const name = "cloud.google.com%2Fgo%2F@v%2Fv0.26.0(1)+!.mod" as DistfileName;
const plain = "foo-1.tar.gz" as DistfileName;
const noAnswers = { all: () => [], put: () => undefined };

async function layoutsOf(clock: Clock, getText: () => Promise<string>) {
  const rows = { get: () => undefined, put: () => undefined };
  return createLayouts({ rows, clock, log: await openLog("error", "text"), getText, onChange: () => undefined });
}

const flat = () => Promise.reject(new SourceError("absent", "404"));

test("a mirror's URL is quoted as Portage quotes it, with or without slashes at its end", async () => {
  const clock = createFakeClock();
  const layouts = await layoutsOf(clock, flat);
  const mirrors = createMirrors({
    urls: ["http://m.test/gentoo//"],
    strategy: "ordered",
    layouts,
    answers: noAnswers,
    hosts: createHosts({
      rows: { all: () => [], putAll: () => undefined, forget: () => undefined },
      clock,
      onCircuitChange: () => undefined,
    }),
    clock,
  });
  const [source] = mirrors.sources(name, undefined, []);
  expect((await source?.locate())?.urls[0]).toBe(
    "http://m.test/gentoo/distfiles/cloud.google.com%252Fgo%252F%40v%252Fv0.26.0%281%29%2B%21.mod",
  );
  expect([source?.label, source?.trustedOrigin]).toEqual(["http://m.test/gentoo", "http://m.test"]);
});

test("an unreachable mirror comes last while its circuit is open, and in its order once it works again", async () => {
  const clock = createFakeClock();
  const layouts = await layoutsOf(clock, flat);
  const changes: (number | undefined)[] = [];
  const rows = { all: () => [], putAll: () => undefined, forget: () => undefined };
  const mirrors = createMirrors({
    urls: ["http://a.test", "http://b.test"],
    strategy: "ordered",
    layouts,
    answers: noAnswers,
    hosts: createHosts({ rows, clock, onCircuitChange: (_, openForMs) => changes.push(openForMs) }),
    clock,
  });
  const sources = () => mirrors.sources(plain, undefined, []);
  const labels = () => sources().map(({ label }) => label);
  sources()[0]?.startRequest(undefined).end("unreachable");
  expect(labels()).toEqual(["http://b.test", "http://a.test"]);
  clock.set(clock.now() + (changes[0] ?? 0));
  expect(labels()).toEqual(["http://a.test", "http://b.test"]);
  const probe = sources()[0]?.startRequest(undefined);
  expect(labels()).toEqual(["http://b.test", "http://a.test"]);
  probe?.end("delivered");
  expect(labels()).toEqual(["http://a.test", "http://b.test"]);
  expect(changes).toEqual([15_000, undefined]);
});

test("a mirror that never has a repository's files is unlikely for that one alone, over restarts too, and is probed now and then", () => {
  const rows = new Map<string, MirrorAnswers>();
  const answers = {
    all: () => [...rows.values()],
    put: (row: MirrorAnswers) => rows.set(row.mirror + row.repository, row),
  };
  const clock = createFakeClock();
  const contents = createMirrorContents(answers, clock);
  for (let i = 0; i < 3; i++) contents.record("m", ["overlay"], false);
  expect(contents.isLikely("m", ["overlay"])).toBe(true);
  contents.record("m", ["overlay"], false);
  for (let i = 0; i < 9; i++) contents.record("m", ["gentoo", "overlay"], false);
  const again = createMirrorContents(answers, clock);
  expect(again.isLikely("m", ["overlay"])).toBe(true);
  again.record("m", ["overlay"], false);
  const likely = (names: string[], times: number) => Array.from({ length: times }, () => again.isLikely("m", names));
  expect(likely(["overlay"], 64).filter(Boolean).length).toBe(2);
  clock.set(clock.now() + 600_000);
  expect(likely(["overlay"], 3)).toEqual([true, true, true]);
  again.record("m", ["overlay", "other"], false);
  expect(likely(["overlay"], 3)).toEqual([false, false, false]);
  expect(likely(["gentoo"], 3)).toEqual([true, true, true]);
  expect(likely(["gentoo", "overlay"], 3)).toEqual([true, true, true]);
  expect(again.isLikely("other", ["overlay"])).toBe(true);
  again.record("m", ["overlay"], true);
  expect(again.isLikely("m", ["overlay"])).toBe(true);
});

test("a mirror that lacked everything for a while is likely again with the first file that it has", () => {
  const contents = createMirrorContents(noAnswers, createFakeClock());
  for (let i = 0; i < 40; i++) contents.record("m", ["gentoo"], false);
  expect(Array.from({ length: 8 }, () => contents.isLikely("m", ["gentoo"]))).toEqual(Array(8).fill(false));
  contents.record("m", ["gentoo"], true);
  expect(Array.from({ length: 8 }, () => contents.isLikely("m", ["gentoo"]))).toEqual(Array(8).fill(true));
  expect(contents.chance("m", ["gentoo"])).toBe(1);
});

test("old answers fade: after some hundred answers of the other kind those count", () => {
  const contents = createMirrorContents(noAnswers, createFakeClock());
  for (let i = 0; i < 500; i++) contents.record("m", ["overlay"], true);
  for (let i = 0; i < 300; i++) contents.record("m", ["overlay"], false);
  expect(Array.from({ length: 31 }, () => contents.isLikely("m", ["overlay"])).includes(true)).toBe(false);
});
