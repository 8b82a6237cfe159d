import { expect, test } from "bun:test";
import { SourceError } from "../distfile/errors.ts";
import type { StoredLayout } from "../distfile/mirror-records.ts";
import type { DistfileName } from "../distfile/name.ts";
import { openLog } from "../lib/log.ts";
import { createFakeClock } from "../testing/fake-clock.ts";
import { createLayouts } from "./layouts.ts";

const MIRROR = "http://m.test";
const name = "foo-1.tar.gz" as DistfileName;
const HASHED = "1b/foo-1.tar.gz";
const FLAT = "foo-1.tar.gz";
const CONF = "[structure]\n0=filename-hash BLAKE2B 8\n";
const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

const absent = () => Promise.reject(new SourceError("absent", "answered 404", { status: 404 }));
const unavailable = () => Promise.reject(new SourceError("failed", "answered 503", { status: 503 }));

async function setUp(first: () => Promise<string>, rows = new Map<string, StoredLayout>()) {
  const clock = createFakeClock();
  const lines: string[] = [];
  const changes: string[] = [];
  const state = { answer: first, requests: 0 };
  const layouts = createLayouts({
    rows: { get: (url) => rows.get(url), put: (url, row) => rows.set(url, row) },
    clock,
    log: await openLog("info", "text", {
      write(_, bytes) {
        lines.push(Buffer.from(bytes).toString());
        return bytes.length;
      },
    }),
    getText: () => {
      state.requests++;
      return state.answer();
    },
    onChange: (mirror) => changes.push(mirror),
  });
  const placement = () => layouts.placementOf(MIRROR, name, undefined);
  const later = (ms: number) => clock.set(clock.now() + ms);
  return { clock, lines, changes, state, layouts, placement, rows, later };
}

test("layout.conf is fetched once a day for all requests, and its text is kept over restarts", async () => {
  const { state, placement, layouts, rows, later } = await setUp(async () => CONF);
  const all = await Promise.all([placement(), placement(), placement()]);
  expect(all.map(({ paths }) => paths)).toEqual([[HASHED], [HASHED], [HASHED]]);
  expect([all[0]?.doubt, state.requests, layouts.isKnown(MIRROR)]).toEqual([undefined, 1, true]);
  later(DAY - 1);
  await placement();
  expect(state.requests).toBe(1);
  later(1);
  await placement();
  expect(state.requests).toBe(2);
  const again = await setUp(unavailable, rows);
  again.later(DAY);
  expect([(await again.placement()).paths, again.state.requests]).toEqual([[HASHED], 0]);
});

test("a refresh that fails keeps the known layout, is logged, and is tried again after five minutes", async () => {
  const { state, placement, lines, rows, later } = await setUp(async () => CONF);
  await placement();
  later(DAY);
  for (const answer of [unavailable, async () => "<html>", () => Promise.reject(new SourceError("timeout", "late"))]) {
    state.answer = answer;
    const before = state.requests;
    expect(await placement()).toEqual({ paths: [HASHED], doubt: undefined });
    expect(await placement()).toEqual({ paths: [HASHED], doubt: undefined });
    expect(state.requests).toBe(before + 1);
    later(5 * MINUTE);
  }
  expect(rows.get(MIRROR)?.layoutConf).toBe(CONF);
  expect(lines.join("")).toContain("Cannot refresh the layout.conf of http://m.test: answered 503");
});

test("without a well-formed layout.conf both layouts are tried, nothing is stored, and a 404 there proves nothing", async () => {
  for (const answer of [
    unavailable,
    () => Promise.reject(new SourceError("failed", "answered 429", { status: 429 })),
    () => Promise.reject(new SourceError("failed", "answered 403", { status: 403 })),
    () => Promise.reject(new SourceError("failed", "connection reset")),
    async () => "<!DOCTYPE html>\n<title>Welcome</title>\n",
    async () => "",
  ]) {
    const { state, placement, layouts, lines, rows, later } = await setUp(answer);
    const { paths, doubt } = await placement();
    expect(paths).toEqual([HASHED, FLAT]);
    expect(doubt).toStartWith("its layout.conf could not be fetched (");
    expect([rows.size, layouts.isKnown(MIRROR)]).toEqual([0, false]);
    expect(lines.join("")).toContain("Cannot get the layout.conf of http://m.test: ");
    state.answer = async () => CONF;
    later(10_000);
    expect(await placement()).toEqual({ paths: [HASHED], doubt: undefined });
  }
});

test("a mirror with only the flat layout whose layout.conf cannot be had is asked by the flat path first once that had a file", async () => {
  const { placement, layouts } = await setUp(unavailable);
  await placement();
  layouts.noteFound(MIRROR, FLAT);
  expect((await placement()).paths).toEqual([FLAT, HASHED]);
});

test("the absence of layout.conf holds for minutes, and for as long as files are had by the flat path", async () => {
  const { state, placement, layouts, later } = await setUp(absent);
  expect(await placement()).toEqual({ paths: [FLAT, HASHED], doubt: undefined });
  expect(layouts.isKnown(MIRROR)).toBe(false);
  later(4 * MINUTE);
  await placement();
  expect(state.requests).toBe(1);
  later(MINUTE);
  await placement();
  expect(state.requests).toBe(2);
  layouts.noteFound(MIRROR, FLAT);
  later(DAY - 1);
  expect(await placement()).toEqual({ paths: [FLAT], doubt: undefined });
  expect([state.requests, layouts.isKnown(MIRROR)]).toEqual([2, true]);
  layouts.noteAbsent(MIRROR);
  await placement();
  expect(state.requests).toBe(3);
  state.answer = unavailable;
  later(6 * MINUTE);
  expect(await placement()).toEqual({ paths: [FLAT], doubt: undefined });
});

test("an absence that passes costs nothing: files are found by the layout that was known", async () => {
  const { state, placement, layouts, rows, later, changes } = await setUp(async () => CONF);
  await placement();
  later(DAY);
  state.answer = absent;
  expect((await placement()).paths).toEqual([FLAT, HASHED]);
  expect(rows.get(MIRROR)?.layoutConf).toBe(CONF);
  layouts.noteFound(MIRROR, HASHED);
  state.answer = async () => CONF;
  expect((await placement()).paths).toEqual([HASHED]);
  expect(changes).toEqual([]);
});

test("what was learnt by another layout is reported as wrong", async () => {
  const { state, placement, layouts, later, changes, rows } = await setUp(absent);
  await placement();
  layouts.noteFound(MIRROR, FLAT);
  layouts.noteAbsent(MIRROR);
  later(5 * MINUTE);
  state.answer = async () => CONF;
  await placement();
  expect(changes).toEqual([MIRROR]);
  later(DAY);
  state.answer = absent;
  await placement();
  layouts.noteFound(MIRROR, FLAT);
  expect([changes.length, rows.get(MIRROR)?.layoutConf]).toEqual([2, ""]);
});

test("a file waits three seconds for a layout.conf that is slow to come", async () => {
  const { clock, placement } = await setUp(() => new Promise(() => undefined));
  const placed = placement();
  await clock.advance(3_000);
  expect(await placed).toEqual({
    paths: [HASHED, FLAT],
    doubt: "its layout.conf could not be fetched (it is slow to answer)",
  });
});
