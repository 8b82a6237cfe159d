import { expect, test } from "bun:test";
import { formatEclasses, parseEclasses, parseMd5Cache } from "./md5-cache.ts";

const A = "0123456789abcdef0123456789abcdef";
const B = "fedcba9876543210fedcba9876543210";

test("an entry has the metadata for fetching; missing keys are empty, values may contain equals signs", () => {
  const text = `EAPI=8\nHOMEPAGE=https://e.org/?a=b\nINHERIT=x\nSRC_URI=https://e.org/x?a=b -> x\n_eclasses_=cmake\t${A}\txdg\t${B}\n_md5_=${B}\n`;
  expect(parseMd5Cache(text)).toEqual({
    metadata: {
      eapi: "8",
      srcUri: "https://e.org/x?a=b -> x",
      restrict: "",
      homepage: "https://e.org/?a=b",
      inherited: ["cmake", "xdg"],
    },
    md5: B,
    eclasses: new Map([
      ["cmake", A],
      ["xdg", B],
    ]),
  });
  expect(parseMd5Cache(`_md5_=${A}\n`)?.metadata.eapi).toBe("0");
});

test("a text without the ebuild's MD5, or with garbled eclasses, is not an entry", () => {
  for (const text of ["", "EAPI=8\n", "_md5_=short\n", `_md5_=${A}\n_eclasses_=cmake\n`, "\0\0\0", "<html>"]) {
    expect(parseMd5Cache(text)).toBeUndefined();
  }
});

test("eclasses are read with or without a path between name and MD5, and formatted as they were read", () => {
  expect(parseEclasses(`a\t/x/eclass\t${A}\tb\t/y\t${B}`)).toEqual(
    new Map([
      ["a", A],
      ["b", B],
    ]),
  );
  const text = `a\t${A}\tb\t${B}`;
  expect(formatEclasses(parseEclasses(text) ?? new Map())).toBe(text);
  expect(formatEclasses(parseEclasses("") ?? new Map([["x", A]]))).toBe("");
});
