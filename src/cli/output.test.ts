import { expect, test } from "bun:test";
import { alignColumns, escapeOutput, wantsColour } from "./output.ts";

test("columns are as wide as their widest cell is displayed, and lines have no trailing spaces", () => {
  expect(
    alignColumns([
      ["a", "b", "c"],
      ["\u001b[31mlong\u001b[39m", "", ""],
      ["字", "x"],
    ]),
  ).toEqual(["a     b  c", "\u001b[31mlong\u001b[39m", "字    x"]);
});

test("every character that is printed is visible, but for line feeds and our own colours, and JSON keeps its meaning", () => {
  const hostile = "a\u202eb\u200bc\u001b]0;x\u0007\u001b[2J\n\u001b[31mred\u001b[39m";
  expect(escapeOutput(hostile, false)).toBe("a\\u202eb\\u200bc\\u001b]0;x\\u0007\\u001b[2J\n\\u001b[31mred\\u001b[39m");
  expect(escapeOutput(hostile, true)).toEndWith("\\u001b[2J\n\u001b[31mred\u001b[39m");
  const json = JSON.stringify({ name: hostile }, null, 2);
  expect(JSON.parse(escapeOutput(json, false))).toEqual({ name: hostile });
});

test("only terminals that allow colours get them", () => {
  expect(wantsColour({}, true)).toBe(true);
  expect(wantsColour({ NO_COLOR: "" }, true)).toBe(true);
  expect(wantsColour({}, false)).toBe(false);
  expect(wantsColour({ NO_COLOR: "1" }, true)).toBe(false);
  expect(wantsColour({ TERM: "dumb" }, true)).toBe(false);
});
