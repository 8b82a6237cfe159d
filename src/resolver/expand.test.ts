import { expect, test } from "bun:test";
import { expandUris } from "./expand.ts";

const LISTS: Readonly<Record<string, { custom: string[]; thirdParty: string[] }>> = {
  gnu: { custom: ["http://mine/gnu/"], thirdParty: ["https://one/gnu/", "https://two/gnu", "ftp://three/gnu"] },
};

async function expand(...uris: string[]) {
  const { uris: candidates, refusals } = await expandUris(uris, {
    mirrorUrls: async (name) => LISTS[name] ?? { custom: [], thirdParty: [] },
    spread: (items) => items.toReversed(),
  });
  return [
    ...candidates.map((one) =>
      one.kind === "url" ? `${one.trusted ? "trusted " : ""}${one.url}` : `mirrors: ${one.name}`,
    ),
    ...refusals.map(({ source, kind, detail }) => `${kind}: ${source} ${detail}`),
  ];
}

test("mirror:// becomes the admin's mirrors in order, then the third-party ones as they are spread", async () => {
  expect(await expand("mirror://gnu/tar/x", "https://e.org/x")).toEqual([
    "trusted http://mine/gnu/tar/x",
    "https://two/gnu/tar/x",
    "https://one/gnu/tar/x",
    "https://e.org/x",
    "absent: ftp://three/gnu/tar/x is not fetched: only http and https are",
  ]);
});

test("mirror://gentoo is the file of that name at the configured mirrors", async () => {
  expect(await expand("mirror://gentoo/ab/patches-1.tar.xz")).toEqual(["mirrors: patches-1.tar.xz"]);
  expect(await expand("mirror://gentoo/..")).toEqual(["absent: mirror://gentoo/.. has no file name"]);
});

test("what is not http or https, or names nothing, is told and not asked", async () => {
  expect(await expand("file:///etc/shadow", "ftp://e.org/x", "gopher://x/y", "mirror+https://e.org/x")).toEqual([
    "absent: file:///etc/shadow is not fetched: only http and https are",
    "absent: ftp://e.org/x is not fetched: only http and https are",
    "absent: gopher://x/y is not fetched: only http and https are",
    "absent: mirror+https://e.org/x is not fetched: only http and https are",
  ]);
  expect(await expand("mirror://unheard/x", "mirror://gnu", "https://[::bad/x")).toEqual([
    "absent: mirror://unheard/x names mirrors that no profiles/thirdpartymirrors has",
    "absent: mirror://gnu names no mirror and path",
    "absent: https://[::bad/x is no URL",
  ]);
});

test("a password in a URI is not told", async () => {
  expect((await expand("ftp://me:secret@e.org/x")).join()).not.toContain("secret");
});
