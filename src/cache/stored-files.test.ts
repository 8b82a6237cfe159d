import { expect, test } from "bun:test";
import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { createHasher } from "../distfile/hasher.ts";
import { standardFolder } from "../distfile/layout.ts";
import type { DistfileName } from "../distfile/name.ts";
import { createFileRows } from "../index/files.ts";
import { openIndex } from "../index/open.ts";
import { systemClock } from "../lib/clock.ts";
import { openLog } from "../lib/log.ts";
import { openStore } from "../store/store.ts";
import { digestsOf } from "../testing/content.ts";
import { createTempFolder } from "../testing/temp.ts";
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
      const lane = hasher.open(fd, options);
      const finish: typeof lane.finish = async (size) => {
        const digests = await lane.finish(size);
        renameSync(folder.file("wrong"), path);
        return digests;
      };
      return { ...lane, finish };
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
