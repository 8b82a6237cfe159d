import { expect, test } from "bun:test";
import { indexesOf, indexStem } from "./binhost.ts";
import { type MirrorPath, stemOf } from "./mirror-path.ts";

const ROOT = "releases/amd64/binpackages/23.0/x86-64";

test("an index has one stem in both of its forms", () => {
  expect(indexStem(`${ROOT}/Packages`)).toBe(`${ROOT}/Packages`);
  expect(indexStem(`${ROOT}/Packages.gz`)).toBe(`${ROOT}/Packages`);
  expect(stemOf(`${ROOT}/Packages.gz`)).toBe(`${ROOT}/Packages`);
  for (const other of [`${ROOT}/OldPackages`, `${ROOT}/Packages.xz`, "Packages", `${ROOT}/Packages/x`]) {
    expect([other, indexStem(other)]).toEqual([other, undefined]);
  }
});

test("the index of a package is two or three folders above it, as Portage lays packages out", () => {
  const of = (path: string) => indexesOf(path as MirrorPath);
  expect(of(`${ROOT}/app-misc/jq/jq-1.8-1.gpkg.tar`)).toContain(`${ROOT}/Packages`);
  expect(of(`${ROOT}/app-misc/jq-1.8.tbz2`)).toContain(`${ROOT}/Packages`);
  expect(of(`${ROOT}/app-misc/jq/jq-1.8-1.xpak`)).toContain(`${ROOT}/Packages`);
  expect(of(`${ROOT}/Packages`)).toEqual([]);
  expect(of("snapshots/gentoo-latest.tar.xz")).toEqual([]);
  expect(of("releases/x.tbz2")).toEqual([]);
});
