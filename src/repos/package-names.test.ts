import { expect, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { writeRepository } from "../testing/repository.ts";
import { createTempFolder } from "../testing/temp.ts";
import { packageNames } from "./package-names.ts";

test("categories are listed up to the slash, packages after it; names that a shell could act on never", () => {
  using folder = createTempFolder();
  const repository = writeRepository(folder.path);
  for (const name of ["app-misc/hello", "app-misc/hello-world", "app-text/tree", "dev-libs/c++lib"])
    repository.put(name, { dist: {} });
  mkdirSync(`${folder.path}/app-misc/$(reboot)`);
  const names = (prefix: string) => packageNames(folder.path, prefix).toSorted();
  expect(names("app-")).toEqual(["app-misc/", "app-text/"]);
  expect(names("app-misc/")).toEqual(["app-misc/hello", "app-misc/hello-world"]);
  expect(names("app-misc/hello-")).toEqual(["app-misc/hello-world"]);
  expect(names("dev-libs/c+")).toEqual(["dev-libs/c++lib"]);
  expect(names("../etc/")).toEqual([]);
  expect(packageNames(folder.file("nothing"), "app-")).toEqual([]);
});
