import { expect, test } from "bun:test";
import fc from "fast-check";
import { HOLD_LIMIT_BYTES } from "../distfile/hold-limit.ts";
import { releasable } from "./release-policy.ts";

test("an unverified file of known size is never released to its last byte", () => {
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

test("all but the last 64 KiB of a large file is released", () => {
  const total = 100 * 1024 * 1024;
  expect(releasable({ position: 1, total, overdue: false, distrusted: false })).toBe(1);
  expect(releasable({ position: total, total, overdue: false, distrusted: false })).toBe(total - 64 * 1024);
});
