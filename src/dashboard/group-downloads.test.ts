import { expect, test } from "bun:test";
import type { UpstreamRequestReport } from "../api/schemas.ts";
import { groupDownloads, summariseSources } from "./group-downloads.ts";

const AT = "2026-11-27T12:00:00Z";

function request(source: string, outcome: UpstreamRequestReport["outcome"], bytes = 0): UpstreamRequestReport {
  return { source, outcome, bytes, started_at: AT, duration_ms: 10, first_byte_ms: bytes === 0 ? null : 3 };
}

function entry(started_at: string, outcome: "failed" | "stored", ...upstream_requests: UpstreamRequestReport[]) {
  return { started_at, ended_at: AT, outcome, upstream_requests };
}

test("requests to one source that ended alike are one line, with the sum of what came", () => {
  const requests = [
    request("a", "failed"),
    request("b", "absent"),
    request("a", "failed", 50),
    request("a", "delivered", 7),
  ];
  expect(summariseSources(requests)).toEqual([
    { source: "a", outcome: "failed", times: 2, bytes: 50, durationMs: 20, firstByteMs: 3 },
    { source: "b", outcome: "absent", times: 1, bytes: 0, durationMs: 10, firstByteMs: null },
    { source: "a", outcome: "delivered", times: 1, bytes: 7, durationMs: 10, firstByteMs: 3 },
  ]);
});

test("downloads that went alike are one group, in whatever order the sources were asked", () => {
  const [a, b] = [request("a", "failed"), request("b", "absent")];
  const history = [
    entry("4", "failed", a, b),
    entry("3", "failed", b, a, a),
    entry("2", "stored", request("a", "delivered", 9)),
    entry("1", "failed", a, b),
  ];
  expect(groupDownloads(history).map(({ startedAt, times, outcome }) => [startedAt, times, outcome])).toEqual([
    ["4", 2, "failed"],
    ["2", 1, "stored"],
    ["1", 1, "failed"],
  ]);
  expect(groupDownloads([])).toEqual([]);
});
