import { expect, test } from "bun:test";
import fc from "fast-check";
import { isKnownEapi, readEapi, splitPf } from "./ebuild-eapi.ts";

test.each([
  ["EAPI=8\n", "8"],
  ["EAPI=8", "8"],
  ['EAPI="7"\n', "7"],
  ["EAPI='6'\n", "6"],
  ["# Copyright\n\n  # more\n\t\n \tEAPI=5 # comment\nEAPI=6\n", "5"],
  ["EAPI=4-python\n", "4-python"],
  ["EAPI=\n", "0"],
  ['EAPI=""\n', "0"],
  ["", "0"],
  ["\n# only\n# comments", "0"],
  ["inherit foo\nEAPI=8\n", "0"],
  ["EAPI=8#no comment\n", "0"],
  ["EAPI=8; inherit foo\n", "0"],
  [`EAPI="8'\n`, "0"],
  ["export EAPI=8\n", "0"],
  ["EAPI=8\r\n", "0"],
  ["EAPI =8\n", "0"],
])("the EAPI of %j is %j", (text, eapi) => {
  expect(readEapi(text)).toBe(eapi);
});

test("EAPIs 0 to 9 are known, and no others", () => {
  const names = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "", "8 ", "4-python", "08"];
  expect(names.filter(isKnownEapi)).toEqual(["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]);
});

test.each([
  ["foo-1", { pn: "foo", pv: "1", pr: "r0" }],
  ["foo-1-r0", { pn: "foo", pv: "1", pr: "r0" }],
  ["foo-bar-1.2.3b_alpha4_p5-r06", { pn: "foo-bar", pv: "1.2.3b_alpha4_p5", pr: "r06" }],
  ["font-adobe-100dpi-1.0.3", { pn: "font-adobe-100dpi", pv: "1.0.3", pr: "r0" }],
  ["gtk+-2.24.33_pre", { pn: "gtk+", pv: "2.24.33_pre", pr: "r0" }],
  ["_x-9999", { pn: "_x", pv: "9999", pr: "r0" }],
])("%s is split", (pf, parts) => {
  expect(splitPf(pf)).toEqual(parts);
});

test.each([
  "foo",
  "foo-",
  "-1",
  "foo-1.",
  "foo-1_gamma",
  "foo-1-r",
  "foo-1-r1.2",
  "foo-1-1.2.3-rc1",
  "foo/bar-1",
  "foo 1-1",
])("%s is no name and version", (pf) => {
  expect(splitPf(pf)).toBeUndefined();
});

const pn = fc.stringMatching(/^[A-Za-z_][A-Za-z0-9+_]{0,5}(-[a-z][a-z0-9]{0,3}){0,2}$/);
const pv = fc.stringMatching(/^\d{1,3}(\.\d{1,3}){0,3}[a-z]?(_(alpha|beta|pre|rc|p)\d{0,2}){0,2}$/);
const revision = fc.option(fc.stringMatching(/^r\d{1,3}$/), { nil: undefined });

test("splitPf() splits what was joined", () => {
  fc.assert(
    fc.property(pn, pv, revision, (name, version, pr) => {
      const pf = `${name}-${version}${pr === undefined ? "" : `-${pr}`}`;
      expect(splitPf(pf)).toEqual({ pn: name, pv: version, pr: pr ?? "r0" });
    }),
  );
});
