import { expect, test } from "bun:test";
import fc from "fast-check";
import { folderNameOf, isRepositoryUrl, isRsyncUrl, repositoryNameOf, shownUrl, splitCredentials } from "./url.ts";

test.each([
  ["https://github.com/gentoo-mirror/guru.git", "guru"],
  ["https://github.com/gentoo-mirror/guru/", "guru"],
  ["https://host/x.git?token=abc", "x"],
  ["git@github.com:gentoo/gentoo.git", "gentoo"],
  ["git@host:overlay", "overlay"],
  ["rsync://rsync.gentoo.org/gentoo-portage", "gentoo-portage"],
  ["file:///srv/my tree", "my-tree"],
  ["https://host/..", "tree"],
  ["https://host/.git", "tree"],
  ["https://host/-rf", "rf"],
  ["https://host", "host"],
])("the tree of %s is called %s", (url, name) => {
  expect([repositoryNameOf(url), isRepositoryUrl(url)]).toEqual([name, true]);
});

test("any URL gives a name that is a safe, visible file name", () => {
  fc.assert(
    fc.property(fc.webUrl({ withQueryParameters: true, withFragments: true }), fc.string(), (url, more) => {
      expect(folderNameOf(url + more)).toMatch(/^\w[\w.-]{0,63}-[0-9a-f]{8}$/);
    }),
  );
});

test("URLs with the same last part have distinct names; other credentials change nothing", () => {
  const names = ["https://a/x.git", "https://b/x.git", "https://a/x"].map(folderNameOf);
  expect(new Set(names).size).toBe(3);
  expect(folderNameOf("https://me:secret@a/x.git")).toBe(names[0] ?? "");
});

test("credentials are taken out of http URLs, as a whole, and passwords out of those of rsync", () => {
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

test("no credentials are shown, whatever signs they have", () => {
  expect(shownUrl("https://me:p@ss:w@host/x@y")).toBe("https://***@host/x@y");
  expect(["https://host/a@b", "git@host:x"].map(shownUrl)).toEqual(["https://host/a@b", "git@host:x"]);
});

test("rsync is told from git by the scheme, and paths are no URLs", () => {
  expect(["rsync://h/x", "RSYNC://h/x", "https://rsync/x", "rsync@h:x"].map(isRsyncUrl)).toEqual([
    true,
    true,
    false,
    false,
  ]);
  expect(["/srv/a:b@c", "./x", "/https://x"].map(isRepositoryUrl)).toEqual([false, false, false]);
});
