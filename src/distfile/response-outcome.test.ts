import { expect, test } from "bun:test";
import { HIT } from "./cache-status.ts";
import {
  type CountedOutcome,
  cacheStatusField,
  countedAs,
  failureOf,
  type ResponseOutcome,
} from "./response-outcome.ts";

const MISS = { kind: "forwarded", reason: "uri-miss", collapsed: false, response: "full" } as const;
const NOT_MODIFIED = { ...MISS, reason: "stale", response: "not-modified" } as const;

test("Cache-Status has RFC 9211's parameters", () => {
  expect([
    cacheStatusField(HIT, true),
    cacheStatusField({ kind: "hit", stale: true }, true, -4_500),
    cacheStatusField(MISS, true),
    cacheStatusField(MISS, false),
    cacheStatusField({ ...MISS, reason: "stale", collapsed: true }, true),
    cacheStatusField(NOT_MODIFIED, true),
    cacheStatusField({ ...NOT_MODIFIED, reason: "request", response: "none" }, true),
  ]).toEqual([
    "portcache; hit",
    "portcache; hit; ttl=-5",
    "portcache; fwd=uri-miss; stored",
    "portcache; fwd=uri-miss",
    "portcache; fwd=stale; stored; collapsed",
    "portcache; fwd=stale; fwd-status=304",
    "portcache; fwd=request",
  ]);
});

test("every outcome has one counter", () => {
  const rows: [ResponseOutcome, CountedOutcome][] = [
    [HIT, "hit"],
    [{ kind: "hit", stale: true }, "hit"],
    [NOT_MODIFIED, "hit"],
    [{ ...NOT_MODIFIED, response: "none" }, "hit"],
    [MISS, "miss"],
    [{ ...MISS, collapsed: true }, "joined"],
    [{ kind: "absent", reason: "", sources: [] }, "absent"],
    [{ kind: "unknown-path" }, "absent"],
    [{ kind: "timed-out", reason: "", sources: [] }, "failed"],
    [{ kind: "late" }, "failed"],
    [{ kind: "bad-name" }, "refused"],
    [{ kind: "loop" }, "refused"],
    [{ kind: "generated" }, "other"],
  ];
  for (const [outcome, counted] of rows) {
    expect([outcome, countedAs(outcome)]).toEqual([outcome, counted]);
  }
});

test("only what failed on this side is a failure", () => {
  expect(failureOf({ kind: "absent", reason: "x", sources: [] }, undefined)).toEqual({
    kind: "absent",
    reason: "x",
    sources: [],
  });
  expect(failureOf({ kind: "late" }, undefined)?.kind).toBe("late");
  expect(failureOf(MISS, "wrong digest")?.kind).toBe("broken-off");
  expect([failureOf(HIT, undefined), failureOf(MISS, "the client left"), failureOf(MISS, undefined)]).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
});
