import { expect, test } from "bun:test";
import fc from "fast-check";
import { parseRestrict, parseSrcUri } from "./src-uri.ts";

/** `name: uri uri` a file, prefixes written out. */
function read(text: string, eapi = "8") {
  const { files, problem } = parseSrcUri(text, eapi);
  const lines = [...files].map(([name, uris]) =>
    [`${name}:`, ...uris.map(({ uri, lifts }) => (lifts === "nothing" ? uri : `[${lifts}]${uri}`))].join(" "),
  );
  return problem === undefined ? lines : [...lines, `! ${problem}`];
}

const CASES: readonly (readonly [text: string, expected: readonly string[], eapi?: string])[] = [
  ["", []],
  ["https://e.org/foo-1.tar.gz", ["foo-1.tar.gz: https://e.org/foo-1.tar.gz"]],
  ["\n\thttps://e.org/a\n\thttps://e.org/b  ", ["a: https://e.org/a", "b: https://e.org/b"]],
  ["https://e.org/v1.tar.gz -> foo-1.tar.gz", ["foo-1.tar.gz: https://e.org/v1.tar.gz"], "2"],
  ["https://a/x https://b/x mirror://gnu/y/x", ["x: https://a/x https://b/x mirror://gnu/y/x"]],
  ["https://a/x https://a/x", ["x: https://a/x"]],
  ["gui? ( https://a/g ) !gui? ( https://a/t )", ["g: https://a/g", "t: https://a/t"]],
  ["a? ( b? ( !c? ( https://a/deep -> d ) ) https://a/mid )", ["d: https://a/deep", "mid: https://a/mid"]],
  ["( https://a/x ( https://a/y ) )", ["x: https://a/x", "y: https://a/y"]],
  ["abi_x86-32? ( https://a/x ) python_targets_python3_12? ( https://a/y )", ["x: https://a/x", "y: https://a/y"]],
  ["by-hand-1.zip", ["by-hand-1.zip:"]],
  ["https://e.org/get.php?f=1&g=2", ["get.php?f=1&g=2: https://e.org/get.php?f=1&g=2"]],
  ["https://e.org/get?", ["get?: https://e.org/get?"]],
  // Queries alone tell these apart (app-arch/unalz), fragments and percent signs belong to the name.
  ["https://e.org/a?x https://e.org/a?y", ["a?x: https://e.org/a?x", "a?y: https://e.org/a?y"]],
  ["https://e.org/a%2Fb#c", ["a%2Fb#c: https://e.org/a%2Fb#c"]],
  ["mirror://goproxy//x/@v/v1.mod -> x%2F@v%2Fv1.mod", ["x%2F@v%2Fv1.mod: mirror://goproxy//x/@v/v1.mod"]],
  ["mirror+https://a/x fetch+https://a/y", ["x: [mirror]https://a/x", "y: [fetch]https://a/y"]],
  ["fetch+mirror://gnu/x -> y", ["y: [fetch]mirror://gnu/x"]],
  ["mirror+https://a/x", ["x: mirror+https://a/x"], "7"],
  ["https://a/x -> y", ["y: https://a/x", "! has -> in EAPI 1, which needs EAPI 2"], "1"],
  ["|| ( https://a/x https://b/x )", ["x: https://a/x https://b/x", "! has || in place of a URI"]],
  ["https://a/x )", ["x: https://a/x", "! has a ) without a ("]],
  ["gui? ( https://a/x", ["x: https://a/x", "! has a ( without a )"]],
  ["gui? https://a/x", ["x: https://a/x", "! has gui? without a ("]],
  ["https://a/x gui?", ["x: https://a/x", "! has gui? without a ("]],
  ["https://a/x -> b/y", ["! has https://a/x without a file name"]],
  ["https://a/x ->", ["! has https://a/x without a file name"]],
  ["https://a/", ["! has https://a/ without a file name"]],
];

for (const [text, expected, eapi] of CASES) {
  test(`SRC_URI ${JSON.stringify(text)}${eapi ? ` in EAPI ${eapi}` : ""}`, () => {
    expect(read(text, eapi)).toEqual(expected as string[]);
  });
}

test("URIs are parsed as written, within any groups", () => {
  const name = fc.stringMatching(/^[A-Za-z0-9+_.%@-]{1,12}$/);
  const item = fc.record({ path: name, rename: fc.option(name), groups: fc.array(fc.constantFrom("", "f?", "!g?")) });
  fc.assert(
    fc.property(fc.array(item), fc.constantFrom(" ", "\n\t"), (items, blank) => {
      const texts = items.map(({ path, rename, groups }) => {
        const uri = `https://e.org/${path}${rename === null ? "" : `${blank}->${blank}${rename}`}`;
        return groups.reduce((inner, group) => `${group}${group && blank}(${blank}${inner}${blank})`, uri);
      });
      const { files, problem } = parseSrcUri(texts.join(blank), "8");
      expect(problem).toBeUndefined();
      for (const { path, rename } of items) {
        expect(files.get(rename ?? path)?.some(({ uri }) => uri === `https://e.org/${path}`)).toBe(true);
      }
      expect(files.size).toBe(new Set(items.map(({ path, rename }) => rename ?? path)).size);
    }),
  );
});

test("any text is parsed without throwing, in time proportional to its length", () => {
  const word = fc.constantFrom("(", ")", "->", "||", "a?", "!a?", "https://e.org/x", "mirror+", "x/", "?", "!");
  fc.assert(
    fc.property(fc.array(word), (some) => {
      const { files } = parseSrcUri(some.join(" "), "8");
      for (const file of files.keys()) expect(file.includes("/") || file === "").toBe(false);
    }),
  );
  const deep = parseSrcUri(`${"a? ( ".repeat(100_000)}https://e.org/x${" )".repeat(100_000)}`, "8");
  expect([deep.files.size, deep.problem]).toEqual([1, undefined]);
});

test("in RESTRICT a token under a USE flag is conditional, and fetch implies mirror", () => {
  const cases = [
    ["", "no no no"],
    ["test strip", "no no no"],
    ["mirror", "no yes no"],
    ["nomirror", "no yes no"],
    ["fetch", "yes yes no"],
    ["mirror fetch bindist", "yes yes no"],
    ["bindist? ( mirror )", "no conditional no"],
    ["!bindist? ( fetch )", "conditional conditional no"],
    ["a? ( fetch ) fetch", "yes yes no"],
    ["a? ( fetch ) mirror", "conditional yes no"],
    ["a? ( mirror ) fetch", "yes yes no"],
    ["( mirror )", "no yes no"],
    ["primaryuri", "no no yes"],
  ] as const;
  for (const [text, expected] of cases) {
    const { fetch, mirror, primaryuri } = parseRestrict(text);
    expect([text, `${fetch} ${mirror} ${primaryuri}`]).toEqual([text, expected]);
  }
});

test("unconditional files are those that stand outside of USE conditionals at least once", () => {
  const text = "https://e.org/a x? ( https://e.org/b ( https://e.org/c ) ) ( https://e.org/d ) !y? ( https://e.org/a )";
  expect([...parseSrcUri(text, "8").unconditional]).toEqual(["a", "d"]);
});
