import { expect, test } from "bun:test";
import { groupAttempts } from "./failed-sources.ts";

test("sources are grouped by how they failed, wrong bytes first, and only some are named", () => {
  const absent = Array.from({ length: 7 }, (_, i) => ({ source: `http://${i}.test`, kind: "absent" as const }));
  const corrupt = { source: "http://bad.test/\u202e", kind: "corrupt" as const };
  const timeout = { source: "http://slow.test", kind: "timeout" as const };
  expect(groupAttempts([...absent, timeout, corrupt])).toEqual([
    { kind: "corrupt", count: 1, sources: ["http://bad.test/\\u{202e}"] },
    { kind: "timeout", count: 1, sources: ["http://slow.test"] },
    { kind: "absent", count: 7, sources: absent.slice(0, 5).map(({ source }) => source) },
  ]);
  expect(groupAttempts([])).toEqual([]);
});
