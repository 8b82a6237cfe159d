import { afterEach, beforeEach, expect, test } from "bun:test";
import { rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { openLog } from "../lib/log.ts";
import { lockStore, StoreLockedError, storeHolder } from "../store/lock.ts";
import { createTempFolder, type TempFolder } from "../testing/temp.ts";
import { socketPath } from "./control-socket.ts";
import { holdStoreLock } from "./hold-lock.ts";

let folder: TempFolder;
let location: string;
const log = await openLog("error", "text");

beforeEach(() => {
  folder = createTempFolder();
  location = folder.file(".");
});
afterEach(() => folder.remove());

const removeLock = () => rmSync(`${location}/portcache.lock`);

test("a lock file that somebody removed is there again, and locked", async () => {
  const lock = await holdStoreLock(location, "the first", log, 5);
  removeLock();
  while (storeHolder(location) === undefined) await Bun.sleep(5);
  expect(() => lockStore(location, "the second")).toThrow("the first");
  lock.release();
  lockStore(location, "the second").release();
});

test("a process that takes the store in between keeps it, and the first server learns that its lock is lost", async () => {
  const lock = await holdStoreLock(location, "the first", log, 5);
  removeLock();
  const other = lockStore(location, "the second");
  expect(await lock.lost).toBe("lost");
  lock.release();
  expect(storeHolder(location)).toBe("the second");
  other.release();
});

test("a server that answers at the store's socket holds the store, whatever became of its lock file", async () => {
  const path = socketPath(location);
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(path, resolve));
  await expect(holdStoreLock(location, "the second", log)).rejects.toBeInstanceOf(StoreLockedError);
  expect(storeHolder(location)).toBeUndefined();
  server.close();
  writeFileSync(path, "");
  (await holdStoreLock(location, "the second", log)).release();
});
