import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, mkdirSync } from "node:fs";
import { systemClock } from "../lib/clock.ts";
import { createTempFolder, type TempFolder } from "../testing/temp.ts";
import { createRequestHistory, type RequestHistoryThread } from "./request-history-thread.ts";

const RECORD = {
  client: "192.0.2.1",
  method: "GET",
  file: "a.zip",
  outcome: "hit",
  detail: "hit",
  status: 200,
  bytes: 10,
  milliseconds: 1,
  source: "store",
} as const;
const ALL = { before: Number.MAX_SAFE_INTEGER, after: 0, limit: 500 };
const DAY_MS = 24 * 3_600_000;

let folder: TempFolder;
let history: RequestHistoryThread;
let keepMs: number;
let now: number;
let warnings: string[];

function start(path = folder.file("requests.sqlite")): void {
  history = createRequestHistory({
    workerUrl: new URL("./request-history.worker.ts", import.meta.url).href,
    path,
    keepMs: () => keepMs,
    clock: { ...systemClock, now: () => now },
    log: { warn: (text: string) => void warnings.push(text) } as never,
  });
}

beforeEach(() => {
  folder = createTempFolder();
  keepMs = DAY_MS;
  now = Date.UTC(2026, 0, 1);
  warnings = [];
  start();
});
afterEach(async () => {
  await history.stop();
  folder.remove();
});

test("what was just added is found, in order although all came in one millisecond, and after a restart", async () => {
  for (let i = 0; i < 1500; i++) history.add({ ...RECORD, file: `${i}.zip` });
  expect(history.latestId).toBe(now * 1000 + 1499);
  const files = (await history.page(ALL)).entries.map(({ file }) => file);
  expect(files).toEqual(Array.from({ length: 500 }, (_, i) => `${1499 - i}.zip`));
  history.add(RECORD);
  await history.stop();
  start();
  expect((await history.page({ ...ALL, file: "a.zip" })).entries.length).toBe(1);
  expect((await history.filesOf(RECORD.client, 1)).length).toBe(1);
});

test("what is too old is removed, and nothing is where it is off", async () => {
  history.add({ ...RECORD, file: "old.zip" });
  expect((await history.page(ALL)).entries.length).toBe(1);
  now += 2 * DAY_MS;
  history.add(RECORD);
  history.flush();
  const files = async () => (await history.page(ALL)).entries.map(({ file }) => file);
  for (let tries = 0; tries < 100 && (await files()).length > 1; tries++) await Bun.sleep(10);
  expect(await files()).toEqual(["a.zip"]);
  keepMs = 0;
  history.add(RECORD);
  history.flush();
  expect([existsSync(folder.file("requests.sqlite")), history.isKept()]).toEqual([false, false]);
  keepMs = DAY_MS;
  history.add({ ...RECORD, file: "again.zip" });
  expect(await files()).toEqual(["again.zip"]);
});

test("a disk that takes nothing costs a warning and no memory, and once it takes something requests are kept again", async () => {
  const path = folder.file("missing/requests.sqlite");
  start(path);
  for (let i = 0; i < 50_000; i++) history.add(RECORD);
  expect(history.leftOut).toBe(30_000);
  const problem = () => history.page(ALL).catch((error: Error) => error.message);
  expect(await problem()).toBe("no such file or directory");
  for (let i = 0; i < 3000; i++) history.add(RECORD);
  expect(await problem()).toBe("no such file or directory");
  expect([history.leftOut, warnings.length]).toEqual([53_000, 1]);
  mkdirSync(folder.file("missing"));
  history.add(RECORD);
  expect((await history.page(ALL)).entries.length).toBe(1);
});
