import { expect, test } from "bun:test";
import { formatReference, placeReference } from "./reference.ts";
import { allSettings, variableOf } from "./schema.ts";

const MARKS = "<!-- config-reference:begin --><!-- config-reference:end -->";

test("the reference has one row per setting, with its variable", () => {
  const rows = formatReference()
    .split("\n")
    .filter((line) => line.startsWith("| `"));
  expect(rows.map((row) => /`(PORTCACHE_\w+)`/.exec(row)?.[1])).toEqual(allSettings().map(variableOf));
});

test("the reference goes between the marks, and inserting it again changes nothing", () => {
  const page = placeReference(`before\n${MARKS}\nafter\n`, "TABLE") ?? "";
  expect(page).toBe("before\n<!-- config-reference:begin -->\n\nTABLE\n\n<!-- config-reference:end -->\nafter\n");
  expect(placeReference(page, "TABLE")).toBe(page);
});

test("a page without marks gets no reference", () => {
  expect(placeReference("no marks", "TABLE")).toBeUndefined();
});
