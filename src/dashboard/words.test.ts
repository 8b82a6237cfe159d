import { expect, test } from "bun:test";
import type { Mirrors, Status } from "../api/schemas.ts";
import {
  failureReason,
  healthVerdict,
  mirrorsVerdict,
  mirrorVerdict,
  outcomeWords,
  placeName,
  storeWords,
  treeVerdict,
} from "./words.ts";

const NOW = Date.parse("2026-11-27T12:00:00Z");

type Mirror = Mirrors["mirrors"][number];

function mirror(url: string, more: Partial<Mirror> = {}): Mirror {
  return {
    url,
    kind: "mirror",
    bytes_per_second: 1000,
    first_byte_ms: { p50: 20, p95: 80 },
    success_rate: 1,
    requests: { delivered: 10, absent: 0, failed: 0 },
    circuit: "closed",
    open_until: null,
    transfers: 0,
    last_request_at: "2026-11-27T11:59:00Z",
    ...more,
  };
}

const A = mirror("https://a.example/gentoo/");
const FAST = mirror("https://fast.example/", { bytes_per_second: 9000 });
const OPEN = mirror("https://b.example/", { circuit: "open", open_until: "2026-11-27T12:01:30Z" });
const SHAKY = mirror("https://c.example/", { success_rate: 0.5 });
const NEW = mirror("https://d.example/", { success_rate: null, last_request_at: null });
const HOST = mirror("https://github.com", { kind: "host", circuit: "open" });

test.each([
  [[A], "good", "Well"],
  [[A, FAST], "good", "All 2 well"],
  [[A, NEW], "good", "1 of 2 well"],
  [[NEW], "idle", "1\u00a0mirror"],
  [[A, SHAKY], "warn", "1 of 2 shaky"],
  [[A, SHAKY, OPEN], "bad", "1 of 3 out of order"],
  // A host of SRC_URI in trouble is no mirror in trouble.
  [[A, HOST], "good", "Well"],
  [[], "idle", "0\u00a0mirrors"],
] as const)("the worst of the mirrors counts: %#", (mirrors, tone, text) => {
  expect(mirrorsVerdict(mirrors, NOW)).toMatchObject({ tone, text });
});

test("the bad ones are named, else the fastest", () => {
  expect(mirrorsVerdict([A, OPEN], NOW).detail).toBe("b.example");
  expect(mirrorsVerdict([A, FAST], NOW).detail).toBe("fastest: fast.example");
});

test("a mirror out of order says when it is tried again, and few requests judge nobody", () => {
  expect(mirrorVerdict(OPEN, NOW).detail).toBe("is tried again in 1\u00a0min");
  const young = mirror("x", { success_rate: 0, requests: { delivered: 0, absent: 0, failed: 1 } });
  expect(mirrorVerdict(young, NOW).tone).toBe("good");
});

test("health is in the server's words where it is not well", () => {
  const status = (state: "ok" | "degraded" | "unavailable", reason: string | null) =>
    healthVerdict({ health: { state, reason }, uptime_seconds: 90, version: "1.2.3" } as Status);
  expect(status("ok", null)).toEqual({
    tone: "good",
    text: "Working",
    detail: "version 1.2.3, up for 1\u00a0min 30\u00a0s",
  });
  expect(status("degraded", "disk full")).toEqual({ tone: "warn", text: "Degraded", detail: "disk full" });
  expect(status("unavailable", "shutting down")).toMatchObject({ tone: "bad", detail: "shutting down" });
});

test("a failure's reason does not say again what stands beside it", () => {
  const reason =
    "a.zip: no source could deliver it now.\nNo tree knows this file.\nSources:\nhttp://m.example answered 500";
  const failure = { file: "a.zip", kind: "failed", count: 1, first_at: "", last_at: "" } as const;
  expect(failureReason({ ...failure, reason })).toBe("No tree knows this file.\nhttp://m.example answered 500");
  expect(failureReason({ ...failure, reason: "a.zip: gone" })).toBe("a.zip: gone");
});

test("a tree is bad, worth a look, not read yet, or well", () => {
  const tree = { name: "gentoo", location: "/t", packages: 1, distfiles: 1, duration_ms: 1, unreadable: 0, skipped: 0 };
  const well = { ...tree, problem: null, scanned_at: "2026-11-27T11:59:00Z" };
  expect(treeVerdict(well)).toEqual({ tone: "good", text: "", detail: "" });
  expect(treeVerdict({ ...well, scanned_at: null }).tone).toBe("idle");
  expect(treeVerdict({ ...well, unreadable: 2 }).text).toBe("2\u00a0Manifests or folders could not be read");
  expect(treeVerdict({ ...well, skipped: 1 }).tone).toBe("warn");
  expect(treeVerdict({ ...well, unreadable: 2, problem: "gone" })).toMatchObject({ tone: "bad", detail: "gone" });
});

test("the others", () => {
  expect(placeName("https://a.example/gentoo/")).toBe("a.example/gentoo");
  expect(outcomeWords(null)).toEqual(["idle", "under way"]);
  expect(outcomeWords("late")[0]).toBe("warn");
  const store = { files: 0, bytes: 0, max_bytes: null } as Status["store"];
  expect(storeWords({ store } as Status)).toBe("nothing stored yet");
  expect(storeWords({ store: { ...store, files: 2, bytes: 1024, max_bytes: 2048 } } as Status)).toBe(
    "1.00\u00a0KiB of 2.00\u00a0KiB, 2\u00a0files",
  );
});
