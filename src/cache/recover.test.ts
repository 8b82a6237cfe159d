import { expect, test } from "bun:test";
import { mkdirSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import type { DistfileName } from "../distfile/name.ts";
import { createFileRows } from "../index/files.ts";
import { openIndex } from "../index/open.ts";
import { systemClock } from "../lib/clock.ts";
import { openLog } from "../lib/log.ts";
import { openStore } from "../store/store.ts";
import { distfilePath } from "../testing/stored.ts";
import { createTempFolder } from "../testing/temp.ts";
import { recover } from "./recover.ts";

const FILES = 3_000;
const names = Array.from({ length: FILES }, (_, i) => `f-${i}.zip` as DistfileName);

test("a lost index gets a row for each file, rows of files that are gone go, and others have their turns meanwhile", async () => {
  using folder = createTempFolder();
  const location = folder.file("store");
  const pathOf = (name: string) => location + distfilePath(name);
  const store = openStore(location);
  const index = openIndex(folder.file("index.sqlite"), `${import.meta.dir}/../../drizzle`);
  const rows = createFileRows(index.db);
  const log = await openLog("error", "text");
  for (const name of names) {
    mkdirSync(dirname(pathOf(name)), { recursive: true });
    writeFileSync(pathOf(name), name);
  }
  symlinkSync("/etc/passwd", pathOf("link.zip"));
  let [turns, longestMs, turnedAt] = [0, 0, performance.now()];
  let recovering = true;
  function turn(): void {
    turns++;
    longestMs = Math.max(longestMs, performance.now() - turnedAt);
    turnedAt = performance.now();
    if (recovering) setImmediate(turn);
  }
  turn();
  await recover(store, rows, systemClock, log);
  recovering = false;
  expect(rows.count()).toBe(FILES);
  expect(rows.get(names[0] as DistfileName)).toMatchObject({ size: 7, blake2b: null, source: "" });
  expect(turns).toBeGreaterThan(20);
  expect(longestMs).toBeLessThan(500);

  for (const name of names.slice(0, 10)) unlinkSync(pathOf(name));
  const known = rows.get(names[20] as DistfileName);
  if (known) rows.put({ ...known, blake2b: "ab".repeat(64) });
  await recover(store, rows, systemClock, log);
  expect(rows.count()).toBe(FILES - 10);
  expect(rows.get(names[20] as DistfileName)?.blake2b).toBe("ab".repeat(64));
  index.close();
});
