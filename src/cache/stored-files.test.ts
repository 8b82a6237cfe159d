import { expect, test } from "bun:test";
import { mkdirSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { createHasher } from "../distfile/hasher.ts";
import { standardFolder } from "../distfile/layout.ts";
import type { MirrorPath } from "../distfile/mirror-path.ts";
import type { DistfileName } from "../distfile/name.ts";
import { createFileRows } from "../index/files.ts";
import { openIndex } from "../index/open.ts";
import { systemClock } from "../lib/clock.ts";
import { openLog } from "../lib/log.ts";
import { openStore } from "../store/store.ts";
import { digestsOf } from "../testing/content.ts";
import { createTempFolder } from "../testing/temp.ts";
import { recover } from "./recover.ts";
import { createStoredFiles } from "./stored-files.ts";

const name = "foo-1.0.tar.gz" as DistfileName;

test("a file that is replaced while it is read is not taken for what was read", async () => {
  using folder = createTempFolder();
  const store = openStore(folder.file("store"));
  const path = folder.file(`store/distfiles/${standardFolder(name)}/${name}`);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, "right");
  writeFileSync(folder.file("wrong"), "wrong");
  const index = openIndex(folder.file("index.sqlite"), `${import.meta.dir}/../../drizzle`);
  const hasher = createHasher(new URL("../distfile/hash.worker.ts", import.meta.url).href);
  const log = await openLog("error", "text");
  const rows = createFileRows(index.db);
  const replacing: typeof hasher = {
    ...hasher,
    open(fd, options) {
      const job = hasher.open(fd, options);
      const finish: typeof job.finish = async (size) => {
        const digests = await job.finish(size);
        renameSync(folder.file("wrong"), path);
        return digests;
      };
      return { ...job, finish };
    },
  };
  const contents = [digestsOf("right")];
  const before = createStoredFiles({ store, rows, hasher: replacing, clock: systemClock, log });
  expect(await before.find(name, contents)).toBe("stale");
  const after = createStoredFiles({ store, rows, hasher, clock: systemClock, log });
  expect(await after.find(name, contents)).toBe("stale");
  expect(await after.find(name, [digestsOf("wrong")])).toMatchObject({ digests: { size: 5 } });
  hasher.close();
  index.close();
});

test("a file of either kind that was changed on disk is hashed once, and served to nobody", async () => {
  using folder = createTempFolder();
  const store = openStore(folder.file("store"));
  const index = openIndex(folder.file("index.sqlite"), `${import.meta.dir}/../../drizzle`);
  const hasher = createHasher(new URL("../distfile/hash.worker.ts", import.meta.url).href);
  const rows = createFileRows(index.db);
  let hashed = 0;
  const counting: typeof hasher = {
    ...hasher,
    open(fd, options) {
      hashed++;
      return hasher.open(fd, options);
    },
  };
  const log = await openLog("error", "text");
  const files = createStoredFiles({ store, rows, hasher: counting, clock: systemClock, log });
  const mirrorFile = "snapshots/gentoo-latest.tar.xz" as MirrorPath;
  for (const [one, path] of [
    [name, `distfiles/${standardFolder(name)}/${name}`],
    [mirrorFile, mirrorFile],
  ] as const) {
    const full = folder.file(`store/${path}`);
    mkdirSync(dirname(full), { recursive: true });
    writeFileSync(full, "right");
    const { blake2b } = digestsOf("right");
    expect(await files.find(one, [])).toMatchObject({ digests: { size: 5, blake2b } });
    expect(rows.get(one)).toMatchObject({ size: 5, blake2b, badStamp: null });
    // Touched, as after a copy of the store, but the same bytes.
    utimesSync(full, 1, 1);
    expect(await files.find(one, [])).toMatchObject({ file: { modifiedAt: 1000 } });
    writeFileSync(full, "wrong");
    hashed = 0;
    expect([await files.find(one, []), await files.find(one, []), hashed]).toEqual(["stale", "stale", 1]);
    await files.remove(one);
    expect([await files.find(one, []), rows.get(one)]).toEqual([undefined, undefined]);
  }
  hasher.close();
  index.close();
});

test("the row of a file that cannot be looked at stays, and that of one that is gone goes", async () => {
  using folder = createTempFolder();
  const store = openStore(folder.file("store"));
  const index = openIndex(":memory:", `${import.meta.dir}/../../drizzle`);
  const rows = createFileRows(index.db);
  const log = await openLog("error", "text");
  const hasher = createHasher(new URL("../distfile/hash.worker.ts", import.meta.url).href);
  const storedFiles = createStoredFiles({ store, rows, hasher, clock: systemClock, log });
  rows.put({ name, size: 5, stamp: "", source: "", storedAt: 1, usedAt: 1 });
  const hashFolder = folder.file(`store/distfiles/${standardFolder(name)}`);
  symlinkSync(hashFolder, hashFolder);
  expect([await storedFiles.find(name, []), store.lookProblem(name)]).toEqual([
    undefined,
    "too many levels of symbolic links",
  ]);
  expect(rows.get(name)).toBeDefined();
  await recover({ ...store, scan: async function* () {} }, rows, systemClock, log);
  expect(rows.get(name)).toBeDefined();
  rmSync(hashFolder);
  await storedFiles.find(name, []);
  expect(rows.get(name)).toBeUndefined();
  hasher.close();
  index.close();
});
