import { afterEach, beforeEach, expect, test } from "bun:test";
import type { FileName } from "../distfile/mirror-path.ts";
import { createTempFolder, type TempFolder } from "../testing/temp.ts";
import { createFileRows } from "./files.ts";
import { createKindCounts } from "./kind-counts.ts";
import { createMirrorFileList } from "./mirror-file-list.ts";
import { type Index, openIndex } from "./open.ts";

let folder: TempFolder;
let index: Index;

beforeEach(() => {
  folder = createTempFolder();
  index = openIndex(folder.file("index.sqlite"), `${import.meta.dir}/../../drizzle`);
});
afterEach(() => {
  index.close();
  folder.remove();
});

test("counts of a kind outlive a restart, and those that are not written yet are in the sum", () => {
  const first = createKindCounts(index.db);
  first.add("binary-packages", "hits", 2);
  first.add("binary-packages", "hitBytes", 50);
  first.flush();
  first.add("binary-packages", "hits", 1);
  expect(first.allTime()["binary-packages"]).toMatchObject({ hits: 3, hitBytes: 50, misses: 0 });
  expect(first.sinceStart["binary-packages"].hits).toBe(3);
  first.flush();
  first.flush();
  const second = createKindCounts(index.db);
  expect(second.allTime()["binary-packages"].hits).toBe(3);
  expect([second.sinceStart["binary-packages"].hits, second.allTime().distfiles.hits]).toEqual([0, 0]);
});

test("counts that cannot be written count the next time", () => {
  const counts = createKindCounts(index.db);
  index.db.$client.run("ALTER TABLE kind_counts RENAME TO away");
  counts.add("snapshots", "misses", 1);
  expect(() => counts.flush()).toThrow();
  counts.add("snapshots", "misses", 1);
  index.db.$client.run("ALTER TABLE away RENAME TO kind_counts");
  counts.flush();
  expect(createKindCounts(index.db).allTime().snapshots.misses).toBe(2);
});

test("stored files are added up and listed by kind", () => {
  const rows = createFileRows(index.db);
  const binhost = "releases/amd64/binpackages/23.0/x86-64";
  const names = ["a.tar", "releases-1.tar", `${binhost}/Packages`, `${binhost}/a/b/c.gpkg.tar`, "snapshots/x.tar.xz"];
  for (const [i, name] of [...names, "releases/amd64/stage3.tar", "experimental/x"].entries()) {
    const at = { storedAt: 1, usedAt: 1, uses: name.endsWith("Packages") ? 9 : 1 };
    rows.put({ name: name as FileName, size: 10 ** i, stamp: "", source: "http://m/x", ...at });
  }
  const list = createMirrorFileList(index.db);
  expect(list.totals({ files: rows.count(), bytes: rows.bytes() })).toEqual({
    distfiles: { files: 2, bytes: 11 },
    "binary-packages": { files: 2, bytes: 1100 },
    snapshots: { files: 1, bytes: 10_000 },
    others: { files: 2, bytes: 1_100_000 },
  });
  expect(list.mostUsed("binary-packages", 5).map(({ name }) => String(name))).toEqual([
    `${binhost}/Packages`,
    `${binhost}/a/b/c.gpkg.tar`,
  ]);
});
