import { expect, test } from "bun:test";
import { alignColumns, wantsColour } from "./output.ts";

test("columns are as wide as their widest cell is displayed, and lines have no trailing spaces", () => {
  expect(
    alignColumns([
      ["a", "b", "c"],
      ["\u001b[31mlong\u001b[39m", "", ""],
      ["字", "x"],
    ]),
  ).toEqual(["a     b  c", "\u001b[31mlong\u001b[39m", "字    x"]);
});

test("only terminals that allow colours get them", () => {
  expect(wantsColour({}, true)).toBe(true);
  expect(wantsColour({ NO_COLOR: "" }, true)).toBe(true);
  expect(wantsColour({}, false)).toBe(false);
  expect(wantsColour({ NO_COLOR: "1" }, true)).toBe(false);
  expect(wantsColour({ TERM: "dumb" }, true)).toBe(false);
});
