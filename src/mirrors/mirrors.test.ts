import { expect, test } from "bun:test";
import { SourceError } from "../distfile/errors.ts";
import type { DistfileName } from "../distfile/name.ts";
import { createFakeClock } from "../testing/fake-clock.ts";
import { type Answer, createCarried } from "./contents.ts";
import { createPlaces } from "./hosts.ts";
import { createLayouts } from "./layouts.ts";
import { createMirrors } from "./mirrors.ts";

const name = "cloud.google.com%2Fgo%2F@v%2Fv0.26.0(1)+!.mod" as DistfileName;
const plain = "foo-1.tar.gz" as DistfileName;
const DAY = 24 * 60 * 60 * 1000;

const noAnswers = { all: () => [], put: () => undefined };

function createMemory() {
  const rows = new Map<string, { layoutConf: string; fetchedAt: number }>();
  return {
    get: (url: string) => rows.get(url),
    put: (url: string, row: { layoutConf: string; fetchedAt: number }) => rows.set(url, row),
  };
}

test("layout.conf is asked once a day for all that want it, and the remembered one serves when it fails", async () => {
  const clock = createFakeClock();
  let answer: () => Promise<string> = async () => "[structure]\n0=filename-hash BLAKE2B 8\n";
  const asked: string[] = [];
  const getText = (url: string) => {
    asked.push(url);
    return answer();
  };
  const layouts = createLayouts({ memory: createMemory(), clock, getText });
  const path = () => layouts.pathAt("http://m.test", plain, undefined);
  expect(await Promise.all([path(), path(), path()])).toEqual([
    "1b/foo-1.tar.gz",
    "1b/foo-1.tar.gz",
    "1b/foo-1.tar.gz",
  ]);
  await path();
  expect(asked).toEqual(["http://m.test/distfiles/layout.conf"]);
  clock.set(clock.now() + DAY);
  answer = () => Promise.reject(new SourceError("timeout", "silence"));
  expect(await path()).toBe("1b/foo-1.tar.gz");
  expect(await path()).toBe("1b/foo-1.tar.gz");
  expect(asked.length).toBe(2);
});

test("a mirror without a layout.conf, or with something else under that name, is flat; one that does not answer fails", async () => {
  const clock = createFakeClock();
  const answers: [() => Promise<string>, string | undefined][] = [
    [() => Promise.reject(new SourceError("absent", "404")), plain],
    [async () => "<html>", plain],
    [async () => "[structure]\n0=holographic\n", plain],
    [() => Promise.reject(new SourceError("failed", "reset")), undefined],
  ];
  for (const [getText, expected] of answers) {
    const layouts = createLayouts({ memory: createMemory(), clock, getText });
    expect(await layouts.pathAt("http://m.test", plain, undefined).catch(() => undefined)).toBe(expected as never);
  }
});

test("while a mirror is known not to answer who comes is told what was wrong", async () => {
  const getText = async () => {
    throw new SourceError("timeout", "no answer within 3 s");
  };
  const layouts = createLayouts({ memory: createMemory(), clock: createFakeClock(), getText });
  const path = () => layouts.pathAt("http://m.test", plain, undefined);
  await expect(path()).rejects.toThrow(/^no answer within 3 s$/);
  await expect(path()).rejects.toMatchObject({
    kind: "timeout",
    message: "no answer within 3 s (for its layout.conf, a moment ago)",
  });
});

test("a mirror's URL is quoted as Portage quotes it, whatever slashes it was configured with", async () => {
  const clock = createFakeClock();
  const layouts = createLayouts({
    memory: createMemory(),
    clock,
    getText: () => Promise.reject(new SourceError("absent", "404")),
  });
  const mirrors = createMirrors({
    urls: ["http://m.test/gentoo//"],
    strategy: "ordered",
    layouts,
    answers: noAnswers,
    places: createPlaces({
      memory: { all: () => [], putAll: () => undefined, forget: () => undefined },
      clock,
      onCircuit: () => undefined,
    }),
    clock,
  });
  const [source] = mirrors.sources(name, undefined, []);
  expect(await source?.locate()).toBe(
    "http://m.test/gentoo/distfiles/cloud.google.com%252Fgo%252F%40v%252Fv0.26.0%281%29%2B%21.mod",
  );
  expect([source?.label, source?.trustedOrigin]).toEqual(["http://m.test/gentoo", "http://m.test"]);
});

test("a mirror that takes no connection is asked last until its time is up, and at its place once it works again", async () => {
  const clock = createFakeClock();
  const layouts = createLayouts({ memory: createMemory(), clock, getText: async () => "" });
  const told: (number | undefined)[] = [];
  const memory = { all: () => [], putAll: () => undefined, forget: () => undefined };
  const mirrors = createMirrors({
    urls: ["http://a.test", "http://b.test"],
    strategy: "ordered",
    layouts,
    answers: noAnswers,
    places: createPlaces({ memory, clock, onCircuit: (_, openForMs) => told.push(openForMs) }),
    clock,
  });
  const sources = () => mirrors.sources(plain, undefined, []);
  const labels = () => sources().map(({ label }) => label);
  sources()[0]?.startRequest(undefined).end("unreachable");
  expect(labels()).toEqual(["http://b.test", "http://a.test"]);
  clock.set(clock.now() + (told[0] ?? 0));
  expect(labels()).toEqual(["http://a.test", "http://b.test"]);
  const probe = sources()[0]?.startRequest(undefined);
  expect(labels()).toEqual(["http://b.test", "http://a.test"]);
  probe?.end("delivered");
  expect(labels()).toEqual(["http://a.test", "http://b.test"]);
  expect(told).toEqual([15_000, undefined]);
});

test("a mirror that never has what a repository wants is unlikely for it alone, over restarts too, and is tried now and then", () => {
  const rows = new Map<string, Answer>();
  const answers = { all: () => [...rows.values()], put: (row: Answer) => rows.set(row.mirror + row.repository, row) };
  const carried = createCarried(answers);
  for (let i = 0; i < 3; i++) carried.record("m", ["overlay"], false);
  expect(carried.isLikely("m", ["overlay"])).toBe(true);
  carried.record("m", ["overlay"], false);
  for (let i = 0; i < 9; i++) carried.record("m", ["gentoo", "overlay"], false);
  const again = createCarried(answers);
  const verdicts = (names: string[], times: number) => Array.from({ length: times }, () => again.isLikely("m", names));
  expect(verdicts(["overlay"], 64).filter(Boolean).length).toBe(2);
  expect(verdicts(["gentoo"], 3)).toEqual([true, true, true]);
  expect(verdicts(["gentoo", "overlay"], 3)).toEqual([true, true, true]);
  expect(again.isLikely("other", ["overlay"])).toBe(true);
  again.record("m", ["overlay"], true);
  expect(again.isLikely("m", ["overlay"])).toBe(true);
});

test("what a mirror did long ago fades: after some hundred answers of the other kind it is judged by these", () => {
  const carried = createCarried(noAnswers);
  for (let i = 0; i < 500; i++) carried.record("m", ["overlay"], true);
  for (let i = 0; i < 300; i++) carried.record("m", ["overlay"], false);
  expect(Array.from({ length: 31 }, () => carried.isLikely("m", ["overlay"])).includes(true)).toBe(false);
});
