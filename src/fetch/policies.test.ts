import { expect, test } from "bun:test";
import fc from "fast-check";
import { HOLD_LIMIT_BYTES } from "../distfile/hold-limit.ts";
import { isPublicAddress } from "../upstream/address-policy.ts";
import { parseContentRange } from "../upstream/content-range.ts";
import { createLoopGuard } from "../upstream/loop-guard.ts";
import { checkHeaders } from "./check-headers.ts";
import { releasable } from "./release-policy.ts";
import { createSourceQueue } from "./source-queue.ts";

test("only addresses of the public internet are public, however they are spelt", () => {
  for (const address of ["8.8.8.8", "2a00:1450:4001::1", "192.167.255.255", "172.32.0.1", "::ffff:8.8.8.8"]) {
    expect([address, isPublicAddress(address)]).toEqual([address, true]);
  }
  for (const address of [
    "0.0.0.0",
    "10.1.2.3",
    "100.64.0.1",
    "127.0.0.1",
    "127.255.0.1",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.0.1",
    "198.18.0.1",
    "224.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "0:0:0:0:0:0:0:1",
    "::ffff:127.0.0.1",
    "::ffff:7f00:1",
    "0:0:0:0:0:ffff:a00:1",
    "::127.0.0.1",
    "64:ff9b::7f00:1",
    "2002:7f00:1::",
    "fc00::1",
    "fd12::1",
    "fe80::1",
    "fe80::1%eth0",
    "ff02::1",
    "2001:db8::1",
    "nonsense",
    "",
  ]) {
    expect([address, isPublicAddress(address)]).toEqual([address, false]);
  }
});

test("Content-Range is believed only where it is consistent", () => {
  expect(parseContentRange("bytes 5-9/10")).toEqual({ first: 5, last: 9, total: 10 });
  expect(parseContentRange("bytes 5-9/*")).toEqual({ first: 5, last: 9, total: undefined });
  for (const text of [null, "", "bytes 5-9/9", "bytes 9-5/10", "bytes */10", "items 1-2/3", "bytes 1-2/3, 4-5/6"]) {
    expect(parseContentRange(text)).toBeUndefined();
  }
});

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

test("a request that came through this store is known by Via or CDN-Loop, and only then", () => {
  const guard = createLoopGuard("portcache-1");
  expect(guard.isLoop(new Headers({ via: "1.1 other, 1.1 portcache-1 (x)" }))).toBe(true);
  expect(guard.isLoop(new Headers({ "cdn-loop": "a, portcache-1; v=1" }))).toBe(true);
  expect(guard.isLoop(new Headers({ via: "1.1 portcache-12", "cdn-loop": "portcache-2" }))).toBe(false);
  const onward = new Headers(guard.headersFor(new Headers({ via: "1.1 portcache-2" })));
  expect(onward.get("via")).toBe("1.1 portcache-2, 1.1 portcache-1");
  expect(guard.isLoop(onward)).toBe(true);
  expect(createLoopGuard("portcache-2").isLoop(onward)).toBe(true);
});
