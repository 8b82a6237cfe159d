import { expect, test } from "bun:test";
import { nextSyncAt, waitMs } from "./sync-repository.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const history = { hasVersion: true, syncedAt: 1000, triedAt: undefined, failures: 0, intervalMs: 2 * HOUR };

test("a repository is due an interval after its last sync or attempt, also of an earlier run", () => {
  expect(nextSyncAt(history)).toBe(1000 + 2 * HOUR);
  expect(nextSyncAt({ ...history, triedAt: HOUR, failures: 5 })).toBe(3 * HOUR);
  expect(nextSyncAt({ ...history, syncedAt: undefined })).toBe(2 * HOUR);
  expect(nextSyncAt({ ...history, intervalMs: 0 })).toBeUndefined();
});

test("a first clone is due at once, then after 1, 2, 4 … minutes, but at most an interval or an hour", () => {
  const absent = { ...history, hasVersion: false, syncedAt: undefined };
  expect(nextSyncAt(absent)).toBe(0);
  const after = (failures: number, intervalMs: number) =>
    (nextSyncAt({ ...absent, triedAt: 7, failures, intervalMs }) ?? 0) - 7;
  expect([1, 2, 3, 7, 2000].map((failures) => after(failures, 2 * HOUR) / MINUTE)).toEqual([1, 2, 4, 60, 60]);
  expect([after(4, 0), after(5, 5 * MINUTE)]).toEqual([8 * MINUTE, 5 * MINUTE]);
});

test("a clock that was set back delays no sync for years", () => {
  expect(waitMs(5 * HOUR, HOUR, 5 * HOUR)).toBe(4 * HOUR);
  expect(waitMs(HOUR, 2 * HOUR, HOUR)).toBe(0);
  expect(waitMs(1e12, 1000, HOUR)).toBe(0);
});
