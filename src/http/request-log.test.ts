import { expect, test } from "bun:test";
import { HIT } from "../distfile/cache-status.ts";
import type { HistoryRecord, ResponseOutcome, ResponseRecord } from "../distfile/response-outcome.ts";
import { createFakeClock } from "../testing/fake-clock.ts";
import { createRequestLog, outcomeWords } from "./request-log.ts";
import type { Answer } from "./respond.ts";

function createTestLog() {
  const clock = createFakeClock();
  const lines: { readonly text: string; readonly properties: Readonly<Record<string, unknown>> }[] = [];
  const records: ResponseRecord[] = [];
  const history: HistoryRecord[] = [];
  const failures: string[] = [];
  const log = createRequestLog({
    infoLine: (text, properties) => lines.push({ text, properties }),
    recorder: {
      begin: () => undefined,
      end: (record) => records.push(record),
      logged: (record) => history.push(record),
      failed: (file, { kind, reason }) => failures.push(`${file} ${kind}: ${reason}`),
    },
    clock,
  });
  return { clock, lines, records, history, failures, log };
}

const REQUEST = { client: "::1", method: "GET", startedAt: 0 };
const ANSWER: Answer = { response: new Response(), file: "a.zip", outcome: HIT, source: "store", sent: { bytes: 10 } };

test("a thousand bad names a second cost a hundred lines and one for the others, whatever hits there are beside them", async () => {
  const { clock, lines, log, records } = createTestLog();
  const answer = { ...ANSWER, outcome: { kind: "bad-name" } } as const;
  for (let i = 0; i < 1000; i++) log.end({ ...REQUEST, startedAt: 5000 }, answer);
  log.end({ ...REQUEST, startedAt: 5000 }, ANSWER);
  expect(lines.splice(0).length).toBe(101);
  await clock.advance(1000);
  expect(lines.map(({ properties }) => properties)).toEqual([{ answers: 900 }]);
  expect(records.length).toBe(1001);
});

test("what a client sent is visible in the log, character by character", () => {
  const { log, lines } = createTestLog();
  const name = "a\u202eb\u200bc\u001b[31m";
  log.end({ ...REQUEST, method: "GE\u200bT" }, { ...ANSWER, file: name, source: `http://m/${name}` });
  expect(lines[0]?.text).toStartWith("::1 GE\\u{200b}T a\\u{202e}b\\u{200b}c\\x1b[31m: hit, 200, 10 bytes");
  expect(lines[0]?.text).toEndWith("from http://m/a\\u{202e}b\\u{200b}c\\x1b[31m");
});

test("a path as long as a request may be is cut in the log", () => {
  const { log, lines } = createTestLog();
  const answer = { ...ANSWER, outcome: { kind: "bad-name" } } as const;
  log.end(REQUEST, { ...answer, file: `/distfiles/${"x".repeat(15_000)}` });
  log.end(REQUEST, { ...answer, file: "x".repeat(200) });
  const [cut, whole] = lines;
  expect(cut?.text.length).toBeLessThan(500);
  expect(String(cut?.properties["file"])).toEndWith("x…");
  expect(whole?.properties["file"]).toBe("x".repeat(200));
});

test("a thousand hits a second have lines and are in the history, the others share a line, and the next second has lines again", async () => {
  const { clock, lines, log, records, history } = createTestLog();
  const endHits = (startedAt: number, times: number) => {
    for (let i = 0; i < times; i++) log.end({ ...REQUEST, startedAt }, ANSWER);
    return lines.splice(0).length;
  };
  expect(endHits(5000, 1000)).toBe(1000);
  expect(endHits(5999, 30)).toBe(0);
  await clock.advance(1000);
  expect(lines.splice(0).map(({ properties }) => properties)).toEqual([{ hits: 30, bytes: 300 }]);
  expect(endHits(6000, 1001)).toBe(1000);
  await clock.advance(1000);
  expect(lines.map(({ properties }) => properties)).toEqual([{ hits: 1, bytes: 10 }]);
  expect([records.length, history.length]).toEqual([2031, 2000]);
});

test("a body that breaks off is logged when it ends and listed as a failure, unless the client left", async () => {
  const { log, lines, failures, history } = createTestLog();
  for (const brokenOff of ["the client left", "wrong digest"]) {
    const sent = Promise.resolve({ bytes: 7, brokenOff, source: "http://mirror/a.zip" });
    log.end(REQUEST, { ...ANSWER, source: "-", sent });
  }
  expect(lines).toEqual([]);
  await Bun.sleep(0);
  expect(lines.map(({ text }) => text.replace(/\d+ ms/, "1 ms"))).toEqual([
    "::1 GET a.zip: hit, broken off (the client left), 200, 7 bytes, 1 ms, from http://mirror/a.zip",
    "::1 GET a.zip: hit, broken off (wrong digest), 200, 7 bytes, 1 ms, from http://mirror/a.zip",
  ]);
  expect(failures).toEqual(["a.zip broken-off: The transfer broke off: wrong digest."]);
  expect(history.map(({ file, outcome, detail }) => [file, outcome, detail])).toEqual([
    ["a.zip", "hit", "hit, the client left"],
    ["a.zip", "hit", "hit, broken off"],
  ]);
});

const MISS = { kind: "forwarded", reason: "uri-miss", collapsed: false, response: "full" } as const;
const NOT_MODIFIED = { ...MISS, reason: "stale", response: "not-modified" } as const;

test("whatever starts no download shares lines as hits and bad names do, and what starts one has its line", () => {
  for (const [outcome, most] of [
    [{ ...MISS, collapsed: true }, 1000],
    [NOT_MODIFIED, 1000],
    [{ kind: "head" }, 100],
    [MISS, 1500],
  ] as const) {
    const { log, lines } = createTestLog();
    const startedAt = performance.now();
    for (let i = 0; i < 1500; i++) log.end({ ...REQUEST, startedAt }, { ...ANSWER, outcome });
    expect([outcome, lines.length]).toEqual([outcome, most]);
  }
});

test("every outcome has words", () => {
  const rows: [ResponseOutcome, string][] = [
    [HIT, "hit"],
    [{ kind: "hit", stale: true }, "hit (stale)"],
    [NOT_MODIFIED, "hit (revalidated)"],
    [{ ...NOT_MODIFIED, response: "none" }, "hit (stale)"],
    [MISS, "miss"],
    [{ ...MISS, collapsed: true }, "miss (joined)"],
    [{ kind: "absent", reason: "", sources: [] }, "absent"],
    [{ kind: "unknown-path" }, "absent"],
    [{ kind: "timed-out", reason: "", sources: [] }, "timed-out"],
    [{ kind: "late" }, "late"],
    [{ kind: "bad-name" }, "bad name"],
    [{ kind: "loop" }, "loop"],
    [{ kind: "generated" }, "generated"],
  ];
  for (const [outcome, words] of rows) {
    expect([outcome, outcomeWords(outcome)]).toEqual([outcome, words]);
  }
});
