import { expect, test } from "bun:test";
import fc from "fast-check";
import { HOLD_LIMIT_BYTES } from "../distfile/hold-limit.ts";
import { checkHeaders } from "./check-headers.ts";
import { releasable } from "./release-policy.ts";
import { createSourceQueue } from "./source-queue.ts";

test("an unchecked file is never released to its last byte when its size is known", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 1e9 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.boolean(),
      (total, share, overdue) => {
        const position = Math.floor(total * share);
        const limit = releasable({ position, total, overdue, distrusted: false });
        expect(limit).toBeLessThan(total);
        expect(limit).toBeLessThanOrEqual(position);
        if (total <= HOLD_LIMIT_BYTES && !overdue) expect(limit).toBe(0);
      },
    ),
  );
});

test("of a large file nearly all that is there flows", () => {
  const total = 100 * 1024 * 1024;
  expect(releasable({ position: 1, total, overdue: false, distrusted: false })).toBe(1);
  expect(releasable({ position: total, total, overdue: false, distrusted: false })).toBe(total - 64 * 1024);
});

test("a source is asked twice at most when nothing comes, and gone on with while something does", () => {
  const idle = createSourceQueue(["a", "b"]);
  expect([0, 0, 0, 0, 0].map((received) => idle.next(received))).toEqual(["a", "b", "a", "b", undefined]);
  const busy = createSourceQueue(["a"]);
  for (let received = 0; received < 50; received++) expect(busy.next(received * 1e6)).toBe("a");
});

test("an excluded source is not asked again, and no source is left out for it", () => {
  const rounds = createSourceQueue(["a", "b", "c"]);
  expect(rounds.next(0)).toBe("a");
  rounds.exclude("a");
  expect(rounds.next(0)).toBe("b");
  rounds.exclude("c");
  expect(rounds.next(0)).toBe("b");
  rounds.exclude("b");
  expect(rounds.next(0)).toBeUndefined();
});

test("after a mixture the one that finished goes first, and mixtures come to an end", () => {
  const rounds = createSourceQueue(["a", "b"]);
  rounds.next(0);
  rounds.next(1e6);
  rounds.mixed("b");
  expect(rounds.next(2e6)).toBe("b");
  for (let count = 0; count < 3; count++) rounds.mixed("a");
  expect(rounds.next(3e6)).toBeUndefined();
});

test("headers alone rule out what can't be the file", () => {
  const answer = { total: 10, contentType: "application/x-gzip", contentEncoding: "" };
  expect(() => checkHeaders("a.gz", answer, { size: 10 }, undefined)).not.toThrow();
  expect(() => checkHeaders("a.gz", { ...answer, contentEncoding: "x-gzip" }, { size: 10 }, undefined)).not.toThrow();
  expect(() => checkHeaders("a.gz", { ...answer, total: 11 }, { size: 10 }, undefined)).toThrow("Manifest says 10");
  expect(() => checkHeaders("a.gz", { ...answer, contentEncoding: "gzip" }, undefined, undefined)).toThrow("gzip");
  expect(() =>
    checkHeaders("a.gz", { ...answer, contentType: "text/html; charset=utf-8" }, undefined, undefined),
  ).toThrow("HTML");
  expect(() => checkHeaders("a.html", { ...answer, contentType: "text/html" }, undefined, undefined)).not.toThrow();
  expect(() => checkHeaders("a.gz", answer, undefined, 9)).toThrow("instead of 9");
});
