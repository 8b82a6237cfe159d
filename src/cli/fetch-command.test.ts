import { expect, test } from "bun:test";
import { divideNames } from "./fetch-command.ts";

test("names are divided among requests in their order, none of which is too long", () => {
  expect(divideNames([])).toEqual([[]]);
  expect(divideNames(["a", "b"])).toEqual([["a", "b"]]);
  const names = Array.from({ length: 1_000 }, (_, i) => `\u00e4"${i}`);
  const parts = divideNames(names, 100);
  expect(parts.flat()).toEqual(names);
  expect(Math.max(...parts.map((part) => Buffer.byteLength(JSON.stringify(part))))).toBeLessThanOrEqual(101);
  expect(parts.length).toBeLessThan(150);
});
