import { expect, test } from "bun:test";
import { createTempFolder } from "../testing/temp.ts";
import { openIndex } from "./open.ts";
import { createRemovalRows } from "./removals.ts";

const MIGRATIONS = `${import.meta.dir}/../../drizzle`;

test("the latest removal of a file is known before and after it is written, and after a restart", () => {
  using folder = createTempFolder();
  const path = folder.file("index.sqlite");
  const first = openIndex(path, MIGRATIONS);
  const rows = createRemovalRows(first.db);
  rows.add("a.zip", { at: 5, reason: "space" });
  expect(rows.of("a.zip")).toEqual({ at: 5, reason: "space" });
  rows.flush();
  rows.add("a.zip", { at: 7, reason: "dropped" });
  rows.flush();
  expect([rows.of("a.zip"), rows.of("b.zip")]).toEqual([{ at: 7, reason: "dropped" }, undefined]);
  first.close();
  const second = openIndex(path, MIGRATIONS);
  expect(createRemovalRows(second.db).of("a.zip")).toEqual({ at: 7, reason: "dropped" });
  second.close();
});

test("ten thousand are remembered, the latest, and each flush writes a few hundred", () => {
  using folder = createTempFolder();
  const index = openIndex(folder.file("index.sqlite"), MIGRATIONS);
  const rows = createRemovalRows(index.db);
  for (let at = 1; at <= 10_500; at++) {
    rows.add(`${at}.zip`, { at, reason: "age" });
    if (at % 250 === 0) rows.flush();
  }
  for (let i = 0; i < 3; i++) rows.flush();
  const count = () => createRemovalRows(index.db);
  expect([rows.of("499.zip"), rows.of("501.zip")?.at, count().of("10500.zip")?.at]).toEqual([undefined, 501, 10_500]);
  index.close();
});
