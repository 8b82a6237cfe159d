import { expect, test } from "bun:test";
import type { Failure } from "../api/schemas.ts";
import { bySeverity, failureAdvice, failureLabel, failureTone, sourcesText } from "./failure-labels.ts";

const AT = "2026-11-27T12:00:00Z";

function failure(more: Partial<Failure> = {}): Failure {
  return { file: "a.zip", kind: "failed", reason: "…", sources: [], count: 1, first_at: AT, last_at: AT, ...more };
}

const group = (kind: Failure["sources"][number]["kind"], count: number, ...sources: string[]) => ({
  kind,
  count,
  sources,
});

test("sources are counted by how they failed, and named where that tells something", () => {
  const sources = [
    group("corrupt", 1, "http://bad.test/gentoo/"),
    group("absent", 4, "http://a.test", "http://b.test"),
  ];
  expect(sourcesText(failure({ sources }))).toBe("1 source: wrong bytes (bad.test/gentoo), 4: not found");
  expect(sourcesText(failure({ sources: [group("timeout", 3, "http://a.test")] }))).toBe("3 sources: timed out");
  expect(sourcesText(failure())).toBe("");
});

test("wrong bytes come first, then failures, and what nobody has last; of those alike the newest", () => {
  const corrupt = failure({
    file: "corrupt",
    sources: [group("corrupt", 1, "http://bad.test")],
    last_at: "2026-11-20T12:00:00Z",
  });
  const absent = failure({ file: "absent", kind: "absent", last_at: "2026-11-28T12:00:00Z" });
  const late = failure({ file: "late", kind: "late" });
  const older = failure({ file: "older", last_at: "2026-11-26T12:00:00Z" });
  const all = [absent, older, late, failure(), corrupt];
  expect(bySeverity(all).map(({ file }) => file)).toEqual(["corrupt", "a.zip", "older", "late", "absent"]);
  expect([failureTone(corrupt), failureTone(absent)]).toEqual(["bad", "idle"]);
});

test("wrong bytes are called so, whatever the others answered, and the advice depends on how many sent them", () => {
  const one = failure({ kind: "timed-out", sources: [group("corrupt", 1, "http://bad.test")] });
  const two = failure({ sources: [group("corrupt", 2, "http://bad.test", "http://worse.test")] });
  expect([failureLabel(one), failureLabel(failure())]).toEqual(["Wrong bytes", "Download failed"]);
  expect(failureAdvice(one)).toContain("leave it out of [fetcher] mirrors");
  expect(failureAdvice(two)).toContain("probably made anew");
  expect(failureAdvice(failure({ kind: "late" }))).toStartWith("Nothing to do");
});
