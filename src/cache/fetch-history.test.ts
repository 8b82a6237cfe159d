import { expect, test } from "bun:test";
import type { DistfileName } from "../distfile/name.ts";
import type { RequestOutcome, RequestRecorder, Source, SourceList } from "../distfile/source.ts";
import { createFakeClock } from "../testing/fake-clock.ts";
import { createFetchHistory } from "./fetch-history.ts";

const name = "foo-1.tar.gz" as DistfileName;

/** Collects what it was called with. */
function createSource(label: string, calls: string[]): Source {
  const recorder: RequestRecorder = {
    firstByte: (ms) => calls.push(`first byte ${ms}`),
    received: (bytes, ms) => calls.push(`received ${bytes} ${ms}`),
    end: (outcome) => calls.push(`end ${outcome}`),
  };
  return {
    label,
    trustedOrigin: undefined,
    locate: async () => ({ urls: [`${label}/x`] }),
    startRequest: () => recorder,
    hedgeDelayMs: () => 7,
    expectedMs: () => 8,
    status: () => ({ host: label, available: true, bytesPerSecond: undefined, acceptsRanges: true }),
    noteRange: () => undefined,
  };
}

function setUp() {
  const clock = createFakeClock();
  const received: [string, number][] = [];
  const ended: RequestOutcome[] = [];
  const downloads: string[] = [];
  const fetchHistory = createFetchHistory({
    clock,
    onReceived: (source, bytes) => received.push([source, bytes]),
    onRequestEnded: (_source, outcome) => ended.push(outcome),
    onEnded: (outcome, ms) => downloads.push(`${outcome} ${ms}`),
  });
  return { clock, received, ended, downloads, fetchHistory };
}

test("each request is recorded with its times, and the source's own recorder gets all calls", async () => {
  const { clock, received, ended, downloads, fetchHistory } = setUp();
  const calls: string[] = [];
  const recorder = fetchHistory.start(name);
  const list: SourceList = { sources: () => [createSource("a", calls)], refusals: [] };
  const [source] = recorder.record(list).sources();
  expect([source?.label, (await source?.locate())?.urls[0], source?.hedgeDelayMs(), source?.expectedMs(1)]).toEqual([
    "a",
    "a/x",
    7,
    8,
  ]);
  const request = source?.startRequest(100);
  request?.firstByte(5);
  request?.received(60, 0);
  clock.set(clock.now() + 30);
  request?.received(40, 25);
  request?.end("delivered");
  request?.end("cancelled");
  recorder.end("stored");
  expect(calls).toEqual(["first byte 5", "received 60 0", "received 40 25", "end delivered", "end cancelled"]);
  expect(fetchHistory.of(name)).toMatchObject([
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

test("requests to sources found by searching further belong to the same entry", async () => {
  const { fetchHistory } = setUp();
  const recorder = fetchHistory.start(name);
  const more = async (): Promise<SourceList> => ({ sources: () => [createSource("b", [])], refusals: [] });
  const further = await recorder.record({ sources: () => [], refusals: [], more }).more?.();
  further?.sources()[0]?.startRequest(1).end("absent");
  expect(fetchHistory.of(name)[0]?.requests).toMatchObject([{ source: "b", outcome: "absent" }]);
});

test("the newest entries are kept, and the newest requests of each", () => {
  const { fetchHistory } = setUp();
  const first = fetchHistory.start(name);
  for (let i = 0; i < 100; i++) {
    const [source] = first.record({ sources: () => [createSource(`s${i}`, [])], refusals: [] }).sources();
    source?.startRequest(1).end("failed");
  }
  const requests = fetchHistory.of(name)[0]?.requests ?? [];
  expect([requests.length, requests.at(-1)?.source]).toEqual([40, "s99"]);
  for (let i = 0; i < 500; i++) fetchHistory.start(`other-${i}` as DistfileName);
  expect(fetchHistory.of(name)).toEqual([]);
  expect(fetchHistory.of("other-0" as DistfileName).length).toBe(1);
});
