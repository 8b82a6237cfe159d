import { expect, test } from "bun:test";
import type { DistfileName } from "../distfile/name.ts";
import type { RequestOutcome, RequestRecorder, Source, SourceList } from "../distfile/source.ts";
import { createFakeClock } from "../testing/fake-clock.ts";
import { createFetchHistory } from "./fetch-history.ts";

const name = "foo-1.tar.gz" as DistfileName;

/** Notes what it is told. */
function createSource(label: string, told: string[]): Source {
  const trial: RequestRecorder = {
    firstByte: (ms) => told.push(`answered ${ms}`),
    received: (bytes, ms) => told.push(`received ${bytes} ${ms}`),
    end: (outcome) => told.push(`end ${outcome}`),
  };
  return {
    label,
    trustedOrigin: undefined,
    locate: async () => `${label}/x`,
    startRequest: () => trial,
    hedgeDelayMs: () => 7,
    expectedMs: () => 8,
    status: () => ({ host: label, available: true, bytesPerSecond: undefined, acceptsRanges: true }),
    rangeIgnored: () => undefined,
  };
}

function createWorld() {
  const clock = createFakeClock();
  const received: [string, number][] = [];
  const ended: RequestOutcome[] = [];
  const downloads: string[] = [];
  const stories = createFetchHistory({
    clock,
    onReceived: (source, bytes) => received.push([source, bytes]),
    onRequestEnded: (_source, outcome) => ended.push(outcome),
    onEnded: (outcome, ms) => downloads.push(`${outcome} ${ms}`),
  });
  return { clock, received, ended, downloads, stories };
}

test("each request to a source is noted with its times, and the source hears all of it", async () => {
  const { clock, received, ended, downloads, stories } = createWorld();
  const told: string[] = [];
  const chapter = stories.start(name);
  const offer: SourceList = { sources: () => [createSource("a", told)], refusals: [] };
  const [source] = chapter.record(offer).sources();
  expect([source?.label, await source?.locate(), source?.hedgeDelayMs(), source?.expectedMs(1)]).toEqual([
    "a",
    "a/x",
    7,
    8,
  ]);
  const trial = source?.startRequest(100);
  trial?.firstByte(5);
  trial?.received(60, 0);
  clock.set(clock.now() + 30);
  trial?.received(40, 25);
  trial?.end("delivered");
  trial?.end("cancelled");
  chapter.end("stored");
  expect(told).toEqual(["answered 5", "received 60 0", "received 40 25", "end delivered", "end cancelled"]);
  expect(stories.of(name)).toMatchObject([
    {
      outcome: "stored",
      receivedBytes: 100,
      requests: [{ source: "a", firstByteMs: 5, bytes: 100, outcome: "delivered", endedAt: clock.now() }],
    },
  ]);
  expect([received, ended, downloads]).toEqual([
    [
      ["a", 60],
      ["a", 40],
    ],
    ["delivered"],
    ["stored 30"],
  ]);
});

test("sources found by looking further belong to the same story", async () => {
  const { stories } = createWorld();
  const chapter = stories.start(name);
  const more = async (): Promise<SourceList> => ({ sources: () => [createSource("b", [])], refusals: [] });
  const further = await chapter.record({ sources: () => [], refusals: [], more }).more?.();
  further?.sources()[0]?.startRequest(1).end("absent");
  expect(stories.of(name)[0]?.requests).toMatchObject([{ source: "b", outcome: "absent" }]);
});

test("the newest stories are kept, and of each the newest requests", () => {
  const { stories } = createWorld();
  const first = stories.start(name);
  for (let i = 0; i < 100; i++) {
    const [source] = first.record({ sources: () => [createSource(`s${i}`, [])], refusals: [] }).sources();
    source?.startRequest(1).end("failed");
  }
  const tried = stories.of(name)[0]?.requests ?? [];
  expect([tried.length, tried.at(-1)?.source]).toEqual([40, "s99"]);
  for (let i = 0; i < 500; i++) stories.start(`other-${i}` as DistfileName);
  expect(stories.of(name)).toEqual([]);
  expect(stories.of("other-0" as DistfileName).length).toBe(1);
});
