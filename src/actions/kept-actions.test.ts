import { expect, test } from "bun:test";
import { progressOf } from "../api/actions.ts";
import { createFakeClock } from "../testing/fake-clock.ts";
import { createKeptActions } from "./kept-actions.ts";

test("an action is found while it runs and after it ended, without the longest lists of its report", () => {
  const kept = createKeptActions(createFakeClock());
  const action = kept.start("fetch", () => undefined);
  action?.progress(progressOf("fetching", { done: 3 }));
  expect(kept.list()).toMatchObject([{ name: "fetch", ended_at: null, progress: { done: 3 }, result: null }]);
  const results = [{ outcome: "fetched" }, ...Array.from({ length: 300 }, () => ({ outcome: "failed" }))];
  action?.end({ kind: "result", result: { files: 301, results } });
  const [entry] = kept.list();
  expect(entry?.ended_at).not.toBeNull();
  expect(entry?.result).toEqual({ files: 301, results: results.slice(1, 101) });
  kept.start("verify", () => undefined)?.end({ kind: "error", status: 500, detail: "why" });
  expect(kept.list().map(({ name, error }) => [name, error])).toEqual([
    ["verify", "why"],
    ["fetch", null],
  ]);
});

test("a running action is stopped once, one that has ended is not, and only those that ended make room", () => {
  const kept = createKeptActions(createFakeClock());
  const reasons: string[] = [];
  const actions = Array.from({ length: 16 }, () => kept.start("verify", ({ message }) => reasons.push(message)));
  expect(kept.start("verify", () => undefined)).toBeUndefined();
  const id = actions[4]?.id ?? "";
  expect(kept.stop(id)).toBe(true);
  actions[4]?.end({ kind: "error", status: 409, detail: "It was stopped." });
  expect([kept.stop(id), kept.stop("unknown"), reasons]).toEqual([false, false, ["It was stopped."]]);
  expect(kept.start("clean", () => undefined)).toBeDefined();
  expect(kept.list().map((one) => one.id)).not.toContain(id);
  expect(kept.list().length).toBe(16);
});
