import { expect, test } from "bun:test";
import type { Mirror, Status } from "../api/schemas.ts";
import {
  allMirrorsDown,
  healthLabel,
  mirrorLabel,
  mirrorName,
  mirrorsLabel,
  repositoryLabel,
  storeLabel,
  upstreamLabel,
} from "./labels.ts";

const NOW = Date.parse("2026-11-27T12:00:00Z");

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
const DOWN = mirror("https://b.example/", { circuit: "open", open_until: "2026-11-27T12:01:30Z" });
const WAITING = mirror("https://w.example/", { circuit: "waiting", open_until: "2026-11-27T12:01:30Z" });
const UNRELIABLE = mirror("https://c.example/", { success_rate: 0.5 });
const NEW = mirror("https://d.example/", { success_rate: null, last_request_at: null });
const HOST = mirror("https://github.com", { kind: "host", circuit: "open" });

test.each([
  [[A], "good", "OK"],
  [[A, FAST], "good", "All 2 OK"],
  [[A, NEW], "good", "1 of 2 OK"],
  [[NEW], "idle", "1\u00a0mirror"],
  [[A, UNRELIABLE], "warn", "1 of 2 unreliable"],
  [[A, WAITING], "warn", "1 of 2 asked to wait"],
  [[A, WAITING, UNRELIABLE], "warn", "2 of 3 unreliable"],
  [[A, UNRELIABLE, DOWN], "bad", "1 of 3 unavailable"],
  [[DOWN, DOWN], "bad", "All 2 unavailable"],
  // A failing host of SRC_URI is not a failing mirror.
  [[A, HOST], "good", "OK"],
  [[], "idle", "0\u00a0mirrors"],
] as const)("the worst state among the configured mirrors is shown: %#", (mirrors, tone, text) => {
  expect(mirrorsLabel(mirrors, NOW)).toMatchObject({ tone, text });
});

test("when no mirror can be asked, the time of the next try is shown", () => {
  const later = mirror("https://e.example/", { circuit: "open", open_until: "2026-11-27T12:05:00Z" });
  expect(allMirrorsDown([later, DOWN, HOST], NOW)).toStartWith("All 2 mirrors are unavailable, retry in 1\u00a0min: ");
  expect(allMirrorsDown([DOWN], NOW)).toStartWith("The mirror is unavailable, ");
  for (const mirrors of [[A, DOWN], [WAITING, DOWN], [HOST], []]) expect(allMirrorsDown(mirrors, NOW)).toBeUndefined();
});

test("mirrors that are unavailable are named, else the fastest", () => {
  expect(mirrorsLabel([A, DOWN], NOW).detail).toBe("b.example");
  expect(mirrorsLabel([A, FAST], NOW).detail).toBe("fastest: fast.example");
});

test("an unavailable mirror shows when it is tried again, and few failures do not make one unreliable", () => {
  expect(mirrorLabel(DOWN, NOW).detail).toBe("retry in 1\u00a0min");
  expect(mirrorLabel(WAITING, NOW)).toEqual({ tone: "warn", text: "Asked to wait", detail: "retry in 1\u00a0min" });
  const young = mirror("x", { success_rate: 0, requests: { delivered: 0, absent: 0, failed: 1 } });
  expect(mirrorLabel(young, NOW).tone).toBe("good");
});

test("a server that is not healthy shows its reason", () => {
  const status = (state: "ok" | "degraded" | "unavailable", reason: string | null) =>
    healthLabel({ health: { state, reason }, uptime_seconds: 90, version: "1.2.3" } as Status);
  expect(status("ok", null)).toEqual({
    tone: "good",
    text: "Healthy",
    detail: "version 1.2.3, up 1\u00a0min 30\u00a0s",
  });
  expect(status("degraded", "disk full")).toEqual({ tone: "warn", text: "Working", detail: "disk full" });
  expect(status("degraded", "nothing is verified: no ebuild repository")).toEqual({
    tone: "warn",
    text: "Working, nothing is verified",
    detail: "no ebuild repository",
  });
  expect(status("unavailable", "shutting down")).toMatchObject({ tone: "bad", detail: "shutting down" });
});

test("a repository has failed, has warnings, is not scanned yet, or is fine", () => {
  const repository = {
    name: "gentoo",
    location: "/t",
    bytes: null,
    packages: 1,
    distfiles: 1,
    duration_ms: 1,
    unreadable: 0,
    skipped: 0,
  };
  const scanned = { ...repository, problem: null, scanned_at: "2026-11-27T11:59:00Z" };
  expect(repositoryLabel(scanned)).toEqual({ tone: "good", text: "", detail: "" });
  expect(repositoryLabel({ ...scanned, scanned_at: null }).tone).toBe("idle");
  expect(repositoryLabel({ ...scanned, unreadable: 2 }).text).toBe("2\u00a0unreadable Manifests or folders");
  expect(repositoryLabel({ ...scanned, skipped: 1 }).tone).toBe("warn");
  expect(repositoryLabel({ ...scanned, unreadable: 2, problem: "gone" })).toMatchObject({
    tone: "bad",
    detail: "gone",
  });
});

test("names, outcomes and the size of the store are short", () => {
  expect(mirrorName("https://a.example/gentoo/")).toBe("a.example/gentoo");
  expect(upstreamLabel(null)).toEqual(["idle", "in progress"]);
  expect(upstreamLabel("late")[0]).toBe("warn");
  const store = { files: 0, bytes: 0, max_bytes: null } as Status["store"];
  expect(storeLabel({ store } as Status)).toBe("empty");
  expect(storeLabel({ store: { ...store, files: 2, bytes: 1024, max_bytes: 2048 } } as Status)).toBe(
    "1.00\u00a0KiB of 2.00\u00a0KiB, 2\u00a0files",
  );
});
