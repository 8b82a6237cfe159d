import { afterEach, beforeEach, expect, test } from "bun:test";
import { chmodSync, rmSync } from "node:fs";
import type { WantedBy } from "../distfile/wanted-by.ts";
import { openIndex } from "../index/open.ts";
import { createRepositoryRows, type RepositoryRows } from "../index/repositories.ts";
import { type TestRepository, writeRepository } from "../testing/repository.ts";
import { createTempFolder, type TempFolder } from "../testing/temp.ts";
import { createManifestCheck, type OutdatedRepository } from "./manifest-check.ts";
import { scanRepository } from "./scan.ts";

let folder: TempFolder;
let repository: TestRepository;
let rows: RepositoryRows;
let outdated: OutdatedRepository;
/** The packages that want a-1.tar, as scanned. */
let wanted: readonly WantedBy[];

beforeEach(async () => {
  folder = createTempFolder();
  repository = writeRepository(folder.file("repository"));
  const { location } = repository;
  rows = createRepositoryRows(openIndex(":memory:", `${import.meta.dir}/../../drizzle`).db);
  repository.put("app-misc/a", { dist: { "a-1.tar": "a" } });
  repository.put("app-misc/b", { dist: { "a-1.tar": "a" } });
  const [repositoryId = 0] = rows.configure([{ name: "gentoo", location }]);
  await scanRepository({ repositoryId, location, rows, full: false, signal: new AbortController().signal });
  outdated = createManifestCheck(rows.stampOf);
  wanted = rows.entriesByName("a-1.tar" as WantedBy["entry"]["name"]);
});

afterEach(() => folder.remove());

test("Manifests that nobody touched agree with what is known of them, and so do those whose line of the file is the same", () => {
  expect([wanted.length, outdated(wanted)]).toEqual([2, undefined]);
  repository.put("app-misc/a", { dist: { "a-1.tar": "a", "a-2.tar": "new" } });
  expect(outdated(wanted)).toBeUndefined();
});

test("a Manifest that has another digest, no such line any more, or is gone does not agree", () => {
  repository.put("app-misc/b", { dist: { "a-1.tar": "other" } });
  expect(outdated(wanted)).toBe(repository.location);
  repository.put("app-misc/b", { dist: { "b-1.tar": "a" } });
  expect(outdated(wanted)).toBe(repository.location);
  repository.remove("app-misc/b");
  expect(outdated(wanted)).toBe(repository.location);
});

test("what is known of a repository that is missing, or of a Manifest that cannot be read, is kept", () => {
  // Root may read anything, so for root this is a touched Manifest with the same line.
  chmodSync(`${repository.location}/app-misc/a/Manifest`, 0o000);
  expect(outdated(wanted)).toBeUndefined();
  rmSync(repository.location, { recursive: true });
  expect(outdated(wanted)).toBeUndefined();
});
