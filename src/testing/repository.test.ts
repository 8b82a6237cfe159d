import { expect, test } from "bun:test";
import { existsSync, readFileSync, statSync } from "node:fs";
import { digestsOf, distLine } from "./content.ts";
import { writeRepository } from "./repository.ts";
import { createTempFolder } from "./temp.ts";

test("a written repository has what Portage requires", () => {
  using folder = createTempFolder();
  const repository = writeRepository(folder.path, { name: "test", masters: ["gentoo"] });
  repository.put("app-misc/foo", {
    dist: { "foo-1.tar.gz": "bytes", "bar.zip": { digests: { size: 3 } } },
    lines: ["DIST broken"],
    ebuilds: [
      { version: "1", srcUri: "https://example.org/foo-1.tar.gz\n\tdoc? ( mirror://gnu/bar.zip )", iuse: "doc" },
    ],
  });
  const text = (path: string) => readFileSync(folder.file(path), "utf8");
  expect(text("profiles/repo_name")).toBe("test\n");
  expect(text("metadata/layout.conf")).toContain("masters = gentoo\n");
  expect(text("app-misc/foo/Manifest")).toBe(
    `${distLine("foo-1.tar.gz", digestsOf("bytes"))}\nDIST bar.zip 3\nDIST broken\n`,
  );
  const md5 = new Bun.CryptoHasher("md5").update(text("app-misc/foo/foo-1.ebuild")).digest("hex");
  const cache = text("metadata/md5-cache/app-misc/foo-1");
  expect(cache).toContain(`_md5_=${md5}\n`);
  expect(cache).toContain("SRC_URI=https://example.org/foo-1.tar.gz doc? ( mirror://gnu/bar.zip )\n");
});

test("put() replaces a package and remove() removes it, without touching other packages", () => {
  using folder = createTempFolder();
  const repository = writeRepository(folder.path);
  repository.put("app-misc/foo", { ebuilds: [{ version: "1" }, { version: "2", cached: false }] });
  repository.put("app-misc/foo-bar", { ebuilds: [{ version: "1" }] });
  expect(existsSync(folder.file("metadata/md5-cache/app-misc/foo-2"))).toBe(false);
  repository.put("app-misc/foo", { ebuilds: [{ version: "3" }] });
  expect(existsSync(folder.file("app-misc/foo/foo-1.ebuild"))).toBe(false);
  expect(existsSync(folder.file("metadata/md5-cache/app-misc/foo-1"))).toBe(false);
  repository.remove("app-misc/foo");
  expect(existsSync(folder.file("app-misc/foo"))).toBe(false);
  expect(existsSync(folder.file("metadata/md5-cache/app-misc/foo-3"))).toBe(false);
  expect(existsSync(folder.file("metadata/md5-cache/app-misc/foo-bar-1"))).toBe(true);
});

test("markSynced() changes the marker each time", () => {
  using folder = createTempFolder();
  const repository = writeRepository(folder.path);
  const sizes = [1, 2, 3].map(() => {
    repository.markSynced();
    return statSync(folder.file("metadata/timestamp.chk")).size;
  });
  expect(new Set(sizes).size).toBe(3);
});
