import { expect, test } from "bun:test";
import { expandUri } from "./expand.ts";

const LISTS: Readonly<Record<string, { custom: string[]; thirdParty: string[] }>> = {
  gnu: { custom: ["http://mine/gnu/"], thirdParty: ["https://one/gnu/", "https://two/gnu", "ftp://three/gnu"] },
};

async function expand(...uris: string[]) {
  const deps = {
    mirrorUrls: async (name: string) => LISTS[name] ?? { custom: [], thirdParty: [] },
    spread: (items: readonly string[]) => items.toReversed(),
  };
  const expansions = await Promise.all(uris.map((uri) => expandUri(uri, deps)));
  const refusals = expansions.flatMap((one) => one.refusals);
  return [
    ...expansions
      .flatMap((one) => one.uris)
      .map((one) => (one.kind === "url" ? `${one.trusted ? "trusted " : ""}${one.url}` : `mirrors: ${one.name}`)),
    ...refusals.map(({ source, kind, detail }) => `${kind}: ${source} ${detail}`),
  ];
}

test("mirror:// becomes the admin's mirrors in order, then the third-party mirrors in spread order", async () => {
  expect(await expand("mirror://gnu/tar/x", "https://e.org/x")).toEqual([
    "trusted http://mine/gnu/tar/x",
    "https://two/gnu/tar/x",
    "https://one/gnu/tar/x",
    "https://e.org/x",
    "absent: ftp://three/gnu/tar/x is not fetched: only http and https are supported",
  ]);
});

test("mirror://gentoo stands for the file of that name at the configured mirrors", async () => {
  expect(await expand("mirror://gentoo/ab/patches-1.tar.xz")).toEqual(["mirrors: patches-1.tar.xz"]);
  expect(await expand("mirror://gentoo/..")).toEqual(["absent: mirror://gentoo/.. has no file name"]);
});

test("a URI that is not http or https, or is not valid, is refused with the reason", async () => {
  expect(await expand("file:///etc/shadow", "ftp://e.org/x", "gopher://x/y", "mirror+https://e.org/x")).toEqual([
    "absent: file:///etc/shadow is not fetched: only http and https are supported",
    "absent: ftp://e.org/x is not fetched: only http and https are supported",
    "absent: gopher://x/y is not fetched: only http and https are supported",
    "absent: mirror+https://e.org/x is not fetched: only http and https are supported",
  ]);
  expect(await expand("mirror://unheard/x", "mirror://gnu", "https://[::bad/x")).toEqual([
    "absent: mirror://unheard/x is not in any profiles/thirdpartymirrors",
    "absent: mirror://gnu is not mirror://NAME/PATH",
    "absent: https://[::bad/x is not a valid URL",
  ]);
});

test("a refusal does not show the password of a URI", async () => {
  expect((await expand("ftp://me:secret@e.org/x")).join()).not.toContain("secret");
});
