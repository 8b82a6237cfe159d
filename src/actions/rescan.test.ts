import { expect, test } from "bun:test";
import type { Progress } from "../api/action-schemas.ts";
import type { RepositoryStatus } from "../repos/scan-schedule.ts";
import { createFakeClock } from "../testing/fake-clock.ts";
import { createRescan } from "./rescan.ts";

test("progress counts the packages of repositories that are done, and those read of the others", async () => {
  const clock = createFakeClock();
  const one = (name: string, packages: number): RepositoryStatus => ({
    name,
    location: `/${name}`,
    packages,
    reading: undefined,
    distfiles: 0,
    scannedAt: clock.now() - 1,
    tookMs: 1,
    unreadable: 0,
    skipped: 0,
  });
  let all = [one("gentoo", 1000), one("guru", 10)];
  const ended = Promise.withResolvers<void>();
  const rescan = createRescan({
    scans: { status: () => all, rescan: () => ended.promise },
    onRepositoriesChanged: () => undefined,
    clock,
  });
  const seen: Progress[] = [];
  const report = rescan(
    { full: true },
    { onProgress: (progress) => seen.push(progress), signal: new AbortController().signal },
  );
  all = [
    { ...one("gentoo", 1000), reading: 250 },
    { ...one("guru", 10), scannedAt: clock.now() },
  ];
  await Bun.sleep(300);
  ended.resolve();
  expect((await report).repositories.length).toBe(2);
  expect(seen.map(({ done, total }) => [done, total])).toEqual([
    [0, 1010],
    [260, 1010],
  ]);
});
