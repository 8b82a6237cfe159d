import { afterEach, beforeEach, expect, test } from "bun:test";
import { type TestRepository, writeRepository } from "../testing/repository.ts";
import { createTempFolder, type TempFolder } from "../testing/temp.ts";
import { namesOfUris } from "./uri-names.ts";

const { signal } = new AbortController();

let folder: TempFolder;
let repository: TestRepository;

beforeEach(() => {
  folder = createTempFolder();
  repository = writeRepository(folder.file("repository"));
});

afterEach(() => folder.remove());

test("a renamed file is found by its URI", async () => {
  const uri = "https://example.org/v1.zip";
  repository.put("app-misc/a", { ebuilds: [{ version: "1", srcUri: `https://example.org/b.zip ${uri} -> a-1.zip` }] });
  const names = await namesOfUris([repository], new Set([uri, "https://example.org/none.zip"]), signal);
  expect([...names]).toEqual([[uri, "a-1.zip"]]);
});

test("of a package with large entries no more is read than of any, and of others all", async () => {
  const large = "x".repeat(900_000);
  const ebuildOf = (i: number) => ({ version: `${i}`, srcUri: `http://h/${i} -> f-${i}.zip http://h/${large}` });
  repository.put("app-misc/large", { ebuilds: Array.from({ length: 50 }, (_, i) => ebuildOf(i)) });
  repository.put("app-misc/small", { ebuilds: [{ version: "1", srcUri: "http://h/small -> s-1.zip" }] });
  const uris = Array.from({ length: 50 }, (_, i) => `http://h/${i}`);
  const names = await namesOfUris([repository], new Set([...uris, "http://h/small"]), signal);
  expect(names.get("http://h/small")).toBe("s-1.zip");
  expect(names.size).toBeGreaterThan(15);
  expect(names.size).toBeLessThan(20);
});
