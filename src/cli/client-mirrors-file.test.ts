import { expect, test } from "bun:test";
import fc from "fast-check";
import { parseMirrorLists } from "../repos/formats/third-party-mirrors.ts";
import { findOwnLine, hasMirror, switchOff, switchOn, switchTo } from "./client-mirrors-file.ts";

const URL = "http://cachebox:8000";
const EXISTING = "# my mirrors\n\nlocal http://nas/\ngentoo http://a http://b\n";

test("the line comes before all lines in force, below the comments at the beginning", () => {
  expect(switchTo("", URL)).toBe("local http://cachebox:8000 # portcache\n");
  expect(switchTo(EXISTING, URL)).toBe(
    `# my mirrors\n\nlocal ${URL} # portcache\nlocal http://nas/\ngentoo http://a http://b\n`,
  );
  expect(switchTo("# none", URL)).toBe(`# none\nlocal ${URL} # portcache\n`);
  // As Portage reads it.
  expect(parseMirrorLists(switchTo(EXISTING, URL)).get("local")).toEqual([URL, "http://nas/"]);
});

test("writing twice adds it once, and another URL replaces it", () => {
  const once = switchTo(EXISTING, URL);
  expect(switchTo(once, URL)).toBe(once);
  expect(switchTo(once, `${URL}/`)).toBe(once);
  expect(switchTo(once, "http://other:1")).toBe(once.replace(URL, "http://other:1"));
  const byHand = `local http://nas ${URL}/ http://b # mine\n`;
  expect(switchTo(byHand, URL)).toBe(byHand);
});

test("off comments it out, on brings it back, the rest stays", () => {
  const on = switchTo(EXISTING, URL);
  const off = switchOff(on, undefined) ?? "";
  expect(off).toBe(on.replace("local http://cache", "#local http://cache"));
  expect(hasMirror(off, URL)).toBe(false);
  expect(switchOff(off, undefined)).toBe(off);
  expect(switchOn(off)).toBe(on);
  expect(switchOn(on)).toBe(on);
  expect(switchTo(off, URL)).toBe(on);
  expect(findOwnLine(off)).toEqual({ url: URL, on: false });
});

test("a line that the admin wrote is switched off by its URL, and keeps its other mirrors", () => {
  expect(switchOff("local http://cachebox:8000/\n", undefined)).toBeUndefined();
  const off = switchOff(`local ${URL}/ http://nas\n`, URL);
  expect(off).toBe(`#local ${URL} # portcache\nlocal http://nas\n`);
  expect(switchOn(off ?? "")).toBe(`local ${URL} # portcache\nlocal http://nas\n`);
});

test("without a line, off and on do nothing", () => {
  for (const text of ["", EXISTING, "#local http://x # something else\n", "#local http://nas\n"]) {
    expect([switchOff(text, URL), switchOn(text)]).toEqual([undefined, undefined]);
  }
});

test("all other lines are kept, byte for byte", () => {
  const line = fc.constantFrom(
    "",
    "# c",
    "local http://a",
    "gentoo http://b http://c",
    "\tx  y",
    "#local http://d",
    "local",
  );
  fc.assert(
    fc.property(fc.array(line), (lines) => {
      const text = lines.map((one) => `${one}\n`).join("");
      const on = switchTo(text, URL);
      const off = switchOff(on, undefined) ?? "";
      expect(on.replace(`local ${URL} # portcache\n`, "")).toBe(text);
      expect(off.replace(`#local ${URL} # portcache\n`, "")).toBe(text);
      expect(switchOn(off)).toBe(on);
    }),
  );
});
