import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { type TestRepository, writeRepository } from "../testing/repository.ts";
import { createTempFolder, type TempFolder } from "../testing/temp.ts";
import { createMasters, type Known } from "./masters.ts";

let folder: TempFolder;
let gentoo: TestRepository;
let known: { -readonly [K in keyof Known]: Known[K] };

beforeEach(() => {
  folder = createTempFolder();
  gentoo = writeRepository(folder.file("gentoo"));
  known = { repositories: [gentoo], mastersOnly: [] };
});

afterEach(() => folder.remove());

function families() {
  return createMasters({ known: () => known, customMirrorsPath: folder.file("mirrors") });
}

function add(name: string, layout: string): TestRepository {
  const tree = writeRepository(folder.file(name), { name });
  tree.write("metadata/layout.conf", layout);
  known.repositories = [...known.repositories, tree];
  return tree;
}

/** Names of the folders that eclasses come from, in order. */
async function eclasses(repository: Known["repositories"][number]): Promise<string> {
  const folders = await families().eclassFolders(repository);
  return folders.map((path) => path.split("/").at(-2)).join(" ");
}

test("eclasses: masters in order, the repository itself, then overrides; the last that has one counts", async () => {
  const kde = add("kde", "masters = gentoo\n");
  const mine = add("mine", "thin-manifests = true\nmasters = gentoo kde # both\n");
  expect(await eclasses(gentoo)).toBe("gentoo");
  expect(await eclasses(mine)).toBe("gentoo kde mine");
  expect(await eclasses({ ...mine, masters: ["kde"], eclassOverrides: ["gentoo"] })).toBe("kde mine gentoo");
  expect(await eclasses({ ...mine, masters: [] })).toBe("mine");
  expect(await eclasses(kde)).toBe("gentoo kde");
});

test("a layout.conf without masters means the main repository, an empty one none, one that nobody knows is left out", async () => {
  expect(await eclasses(add("a", "thin-manifests = true\n"))).toBe("gentoo a");
  expect(await eclasses(add("b", "masters =\n"))).toBe("b");
  expect(await eclasses(add("c", "masters = unheard gentoo\n"))).toBe("gentoo c");
  known.mainRepo = "b";
  expect(await eclasses(add("d", ""))).toBe("b d");
});

test("masters are found by alias, and among repositories that are not asked for files", async () => {
  const other = writeRepository(folder.file("other"), { name: "other" });
  other.write("metadata/layout.conf", "masters =\naliases = olive\n");
  known.mastersOnly = [{ ...other, aliases: ["oak"] }];
  expect(await eclasses(add("a", "masters = olive\n"))).toBe("other a");
  expect(await eclasses(add("b", "masters = oak other\n"))).toBe("other other b");
});

test("mirror:// by the repository's and its masters' lists, else by anybody's; the admin's own come first", async () => {
  gentoo.write("profiles/thirdpartymirrors", "gnu https://g1 https://g2\nnpm https://n1\n");
  const mine = add("mine", "masters = gentoo\n");
  mine.write("profiles/thirdpartymirrors", "gnu -https://g1 https://m1\n");
  const far = add("far", "masters =\n");
  far.write("profiles/thirdpartymirrors", "cran https://c1\n");
  const urls = async (name: string) => await families().mirrorUrls(mine, name);
  expect(await urls("gnu")).toEqual({ custom: [], thirdParty: ["https://g2", "https://m1"] });
  expect(await urls("npm")).toEqual({ custom: [], thirdParty: ["https://n1"] });
  expect(await urls("cran")).toEqual({ custom: [], thirdParty: ["https://c1"] });
  expect(await urls("unheard")).toEqual({ custom: [], thirdParty: [] });
  writeFileSync(folder.file("mirrors"), "local http://cachebox:8000\ngnu http://mine/gnu\n");
  expect((await urls("gnu")).custom).toEqual(["http://mine/gnu"]);
  expect((await urls("local")).custom).toEqual([]);
});

test("lists that change on disk are read again, and /etc/portage/mirrors may be a folder", async () => {
  const all = families();
  gentoo.write("profiles/thirdpartymirrors", "gnu https://g1\n");
  expect((await all.mirrorUrls(gentoo, "gnu")).thirdParty).toEqual(["https://g1"]);
  gentoo.write("profiles/thirdpartymirrors", "gnu https://changed\n");
  expect((await all.mirrorUrls(gentoo, "gnu")).thirdParty).toEqual(["https://changed"]);
  mkdirSync(folder.file("mirrors"));
  writeFileSync(folder.file("mirrors/b"), "gnu http://b\n");
  writeFileSync(folder.file("mirrors/a"), "gnu http://a\n");
  writeFileSync(folder.file("mirrors/a~"), "gnu http://backup\n");
  expect((await all.mirrorUrls(gentoo, "gnu")).custom).toEqual(["http://a", "http://b"]);
});
