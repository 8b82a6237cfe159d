import { expect, test } from "bun:test";
import { SourceError } from "../distfile/errors.ts";
import type { DistfileName } from "../distfile/name.ts";
import { createFakeClock } from "../testing/fake-clock.ts";
import { createMirrorContents, type MirrorAnswers } from "./contents.ts";
import { createHosts } from "./hosts.ts";
import { createLayouts } from "./layouts.ts";
import { createMirrors } from "./mirrors.ts";

const name = "cloud.google.com%2Fgo%2F@v%2Fv0.26.0(1)+!.mod" as DistfileName;
const plain = "foo-1.tar.gz" as DistfileName;
const DAY = 24 * 60 * 60 * 1000;

const noAnswers = { all: () => [], put: () => undefined };

function createLayoutRows() {
  const rows = new Map<string, { layoutConf: string; fetchedAt: number }>();
  return {
    get: (url: string) => rows.get(url),
    put: (url: string, row: { layoutConf: string; fetchedAt: number }) => rows.set(url, row),
  };
}

test("layout.conf is fetched once a day for all requests, and the stored one is used when that fails", async () => {
  const clock = createFakeClock();
  let answer: () => Promise<string> = async () => "[structure]\n0=filename-hash BLAKE2B 8\n";
  const requests: string[] = [];
  const getText = (url: string) => {
    requests.push(url);
    return answer();
  };
  const layouts = createLayouts({ rows: createLayoutRows(), clock, getText });
  const path = () => layouts.pathAt("http://m.test", plain, undefined);
  expect(await Promise.all([path(), path(), path()])).toEqual([
    "1b/foo-1.tar.gz",
    "1b/foo-1.tar.gz",
    "1b/foo-1.tar.gz",
  ]);
  await path();
  expect(requests).toEqual(["http://m.test/distfiles/layout.conf"]);
  clock.set(clock.now() + DAY);
  answer = () => Promise.reject(new SourceError("timeout", "silence"));
  expect(await path()).toBe("1b/foo-1.tar.gz");
  expect(await path()).toBe("1b/foo-1.tar.gz");
  expect(requests.length).toBe(2);
});

test("a mirror without a valid layout.conf has the flat layout, and one that does not answer fails", async () => {
  const clock = createFakeClock();
  const answers: [() => Promise<string>, string | undefined][] = [
    [() => Promise.reject(new SourceError("absent", "404")), plain],
    [async () => "<html>", plain],
    [async () => "[structure]\n0=holographic\n", plain],
    [() => Promise.reject(new SourceError("failed", "reset")), undefined],
  ];
  for (const [getText, expected] of answers) {
    const layouts = createLayouts({ rows: createLayoutRows(), clock, getText });
    expect(await layouts.pathAt("http://m.test", plain, undefined).catch(() => undefined)).toBe(expected as never);
  }
});

test("requests to a mirror that has just failed get the same failure again", async () => {
  const getText = async () => {
    throw new SourceError("timeout", "no answer within 3 s");
  };
  const layouts = createLayouts({ rows: createLayoutRows(), clock: createFakeClock(), getText });
  const path = () => layouts.pathAt("http://m.test", plain, undefined);
  await expect(path()).rejects.toThrow(/^no answer within 3 s$/);
  await expect(path()).rejects.toMatchObject({
    kind: "timeout",
    message: "no answer within 3 s (for its layout.conf, a moment ago)",
  });
});

test("a mirror's URL is quoted as Portage quotes it, with or without slashes at its end", async () => {
  const clock = createFakeClock();
  const layouts = createLayouts({
    rows: createLayoutRows(),
    clock,
    getText: () => Promise.reject(new SourceError("absent", "404")),
  });
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
  expect(await source?.locate()).toBe(
    "http://m.test/gentoo/distfiles/cloud.google.com%252Fgo%252F%40v%252Fv0.26.0%281%29%2B%21.mod",
  );
  expect([source?.label, source?.trustedOrigin]).toEqual(["http://m.test/gentoo", "http://m.test"]);
});

test("an unreachable mirror comes last while its circuit is open, and in its order once it works again", async () => {
  const clock = createFakeClock();
  const layouts = createLayouts({ rows: createLayoutRows(), clock, getText: async () => "" });
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
  const contents = createMirrorContents(answers);
  for (let i = 0; i < 3; i++) contents.record("m", ["overlay"], false);
  expect(contents.isLikely("m", ["overlay"])).toBe(true);
  contents.record("m", ["overlay"], false);
  for (let i = 0; i < 9; i++) contents.record("m", ["gentoo", "overlay"], false);
  const again = createMirrorContents(answers);
  const likely = (names: string[], times: number) => Array.from({ length: times }, () => again.isLikely("m", names));
  expect(likely(["overlay"], 64).filter(Boolean).length).toBe(2);
  expect(likely(["gentoo"], 3)).toEqual([true, true, true]);
  expect(likely(["gentoo", "overlay"], 3)).toEqual([true, true, true]);
  expect(again.isLikely("other", ["overlay"])).toBe(true);
  again.record("m", ["overlay"], true);
  expect(again.isLikely("m", ["overlay"])).toBe(true);
});

test("old answers fade: after some hundred answers of the other kind those count", () => {
  const contents = createMirrorContents(noAnswers);
  for (let i = 0; i < 500; i++) contents.record("m", ["overlay"], true);
  for (let i = 0; i < 300; i++) contents.record("m", ["overlay"], false);
  expect(Array.from({ length: 31 }, () => contents.isLikely("m", ["overlay"])).includes(true)).toBe(false);
});
