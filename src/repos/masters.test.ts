import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { startProcessorTime } from "../testing/processor-time.ts";
import { type TestRepository, writeRepository } from "../testing/repository.ts";
import { createTempFolder, type TempFolder } from "../testing/temp.ts";
import { createMasters, type MastersDeps } from "./masters.ts";

let folder: TempFolder;
let gentoo: TestRepository;
type Discovered = ReturnType<MastersDeps["discovered"]>;
let discovered: { -readonly [K in keyof Discovered]: Discovered[K] };

beforeEach(() => {
  folder = createTempFolder();
  gentoo = writeRepository(folder.file("gentoo"));
  discovered = { repositories: [gentoo], mastersOnly: [] };
});

afterEach(() => folder.remove());

function masters() {
  return createMasters({ discovered: () => discovered, customMirrorsPath: folder.file("mirrors") });
}

function add(name: string, layout: string): TestRepository {
  const repository = writeRepository(folder.file(name), { name });
  repository.write("metadata/layout.conf", layout);
  discovered.repositories = [...discovered.repositories, repository];
  return repository;
}

/** Names the repositories that eclasses come from, in order. */
async function eclasses(repository: Discovered["repositories"][number]): Promise<string> {
  const folders = await masters().eclassFolders(repository);
  return folders.map((path) => path.split("/").at(-2)).join(" ");
}

test("eclasses come from masters in order, the repository itself, then overrides", async () => {
  const kde = add("kde", "masters = gentoo\n");
  const mine = add("mine", "thin-manifests = true\nmasters = gentoo kde # both\n");
  expect(await eclasses(gentoo)).toBe("gentoo");
  expect(await eclasses(mine)).toBe("gentoo kde mine");
  expect(await eclasses({ ...mine, masters: ["kde"], eclassOverrides: ["gentoo"] })).toBe("kde mine gentoo");
  expect(await eclasses({ ...mine, masters: [] })).toBe("mine");
  expect(await eclasses(kde)).toBe("gentoo kde");
});

test("without a masters line the main repository is the master; an empty line means none; an unknown master is left out", async () => {
  expect(await eclasses(add("a", "thin-manifests = true\n"))).toBe("gentoo a");
  expect(await eclasses(add("b", "masters =\n"))).toBe("b");
  expect(await eclasses(add("c", "masters = unheard gentoo\n"))).toBe("gentoo c");
  discovered.mainRepo = "b";
  expect(await eclasses(add("d", ""))).toBe("b d");
});

test("masters are found by alias, and among repositories that are not configured", async () => {
  const other = writeRepository(folder.file("other"), { name: "other" });
  other.write("metadata/layout.conf", "masters =\naliases = olive\n");
  discovered.mastersOnly = [{ ...other, aliases: ["oak"] }];
  expect(await eclasses(add("a", "masters = olive\n"))).toBe("other a");
  expect(await eclasses(add("b", "masters = oak other\n"))).toBe("other other b");
});

test("mirror:// uses lists of the repository and its masters, else those of all others; the admin's lists come first", async () => {
  gentoo.write("profiles/thirdpartymirrors", "gnu https://g1 https://g2\nnpm https://n1\n");
  const mine = add("mine", "masters = gentoo\n");
  mine.write("profiles/thirdpartymirrors", "gnu -https://g1 https://m1\n");
  const far = add("far", "masters =\n");
  far.write("profiles/thirdpartymirrors", "cran https://c1\n");
  const urls = async (name: string) => await masters().mirrorUrls(mine, name);
  expect(await urls("gnu")).toEqual({ custom: [], thirdParty: ["https://g2", "https://m1"] });
  expect(await urls("npm")).toEqual({ custom: [], thirdParty: ["https://n1"] });
  expect(await urls("cran")).toEqual({ custom: [], thirdParty: ["https://c1"] });
  expect(await urls("unheard")).toEqual({ custom: [], thirdParty: [] });
  writeFileSync(folder.file("mirrors"), "local http://cachebox:8000\ngnu http://mine/gnu\n");
  expect((await urls("gnu")).custom).toEqual(["http://mine/gnu"]);
  expect((await urls("local")).custom).toEqual([]);
});

test("changed lists are read again, and /etc/portage/mirrors may be a folder", async () => {
  const all = masters();
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

test("a list with any number of other names costs those that are looked up nothing", async () => {
  const names = Array.from({ length: 40_000 }, (_, i) => `${i.toString(36)} u\n`);
  gentoo.write("profiles/thirdpartymirrors", `${names.join("").slice(0, 250_000)}\nlast https://l\n`);
  const { mirrorUrls } = masters();
  await mirrorUrls(gentoo, "first");
  const tookMs = startProcessorTime();
  for (let i = 0; i < 64; i++) await mirrorUrls(gentoo, `unknown-${i}`);
  expect(tookMs()).toBeLessThan(1_000);
  expect(await mirrorUrls(gentoo, "last")).toEqual({ custom: [], thirdParty: ["https://l"] });
});
