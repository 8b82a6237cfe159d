import { expect, test } from "bun:test";
import { noSpaceReason, unmeetableReason } from "./unmeetable-limits.ts";

const MIB = 1024 ** 2;
const disk = { folder: "/cache", totalBytes: 10 * MIB, freeBytes: 3 * MIB };

test("a limit that the disk cannot meet is named with both numbers, and no other", () => {
  expect(unmeetableReason(disk, 20 * MIB)).toBe(
    "disk of /cache has 10MiB in total, but 20MiB are to stay free (storage.min_free)",
  );
  expect([unmeetableReason(disk, 9 * MIB), unmeetableReason({ ...disk, totalBytes: 0 }, 0)]).toEqual([
    undefined,
    undefined,
  ]);
  expect(noSpaceReason(disk, 5 * MIB)).toContain("/cache has 3MiB free, storage.min_free is 5MiB");
});
