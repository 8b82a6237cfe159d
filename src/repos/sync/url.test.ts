import { expect, test } from "bun:test";
import fc from "fast-check";
import { isRepositoryUrl } from "../../lib/url.ts";
import { folderNameOf, isRsyncUrl, maskedUrl, repositoryNameOf, splitCredentials } from "./url.ts";

test.each([
  ["https://github.com/gentoo-mirror/guru.git", "guru"],
  ["https://github.com/gentoo-mirror/guru/", "guru"],
  ["https://host/x.git?token=abc", "x"],
  ["git@github.com:gentoo/gentoo.git", "gentoo"],
  ["git@host:overlay", "overlay"],
  ["rsync://rsync.gentoo.org/gentoo-portage", "gentoo-portage"],
  ["file:///srv/my+tree", "my-tree"],
  ["https://host/..", "repository"],
  ["https://host/.git", "repository"],
  ["https://host/-rf", "rf"],
  ["https://host", "host"],
])("the repository of %s is named %s", (url, name) => {
  expect([repositoryNameOf(url), isRepositoryUrl(url)]).toEqual([name, true]);
});

test("any URL gives a safe and visible file name", () => {
  fc.assert(
    fc.property(fc.webUrl({ withQueryParameters: true, withFragments: true }), fc.string(), (url, more) => {
      expect(folderNameOf(url + more)).toMatch(/^\w[\w.-]{0,63}-[0-9a-f]{8}$/);
    }),
  );
});

test("URLs with the same last part have distinct names, independent of credentials", () => {
  const names = ["https://a/x.git", "https://b/x.git", "https://a/x"].map(folderNameOf);
  expect(new Set(names).size).toBe(3);
  expect(folderNameOf("https://me:secret@a/x.git")).toBe(names[0] ?? "");
});

test("credentials are removed from http URLs, and passwords from rsync URLs", () => {
  const table = [
    ["https://host/x", { url: "https://host/x" }],
    ["https://me:s%40cret@host:1/x", { url: "https://host:1/x", username: "me", password: "s@cret" }],
    ["https://me:p@ss:w@host/x@y", { url: "https://host/x@y", username: "me", password: "p@ss:w" }],
    ["https://TOKEN@host/x", { url: "https://host/x", username: "TOKEN" }],
    ["https://me:100%@host/x", { url: "https://host/x", username: "me", password: "100%" }],
    ["rsync://me:secret@host/x", { url: "rsync://me@host/x", password: "secret" }],
    ["ssh://git@host/x", { url: "ssh://git@host/x" }],
    ["git@host:x", { url: "git@host:x" }],
  ] as const;
  expect(table.map(([url]) => splitCredentials(url))).toEqual(table.map(([, split]) => split));
});

test("credentials are masked, whatever characters they have", () => {
  expect(maskedUrl("https://me:p@ss:w@host/x@y")).toBe("https://***@host/x@y");
  expect(maskedUrl("https://me:p?s#s@host/x")).toBe("https://***@host/x");
  expect(["https://host/a@b", "git@host:x"].map(maskedUrl)).toEqual(["https://host/a@b", "git@host:x"]);
});

test("the scheme distinguishes rsync from git, and paths are not URLs", () => {
  expect(["rsync://h/x", "RSYNC://h/x", "https://rsync/x", "rsync@h:x"].map(isRsyncUrl)).toEqual([
    true,
    true,
    false,
    false,
  ]);
  expect(["/srv/a:b@c", "./x", "/https://x"].map(isRepositoryUrl)).toEqual([false, false, false]);
});
