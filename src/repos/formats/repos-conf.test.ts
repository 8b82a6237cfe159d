import { expect, test } from "bun:test";
import fc from "fast-check";
import { inPortageOrder, parseReposConf } from "./repos-conf.ts";

const parse = (...texts: string[]) => parseReposConf(texts.map((text, i) => ({ source: `file${i}`, text })));

/** What Gentoo installs as /usr/share/portage/config/repos.conf. */
const SHIPPED = `[DEFAULT]
main-repo = gentoo

[gentoo]
location = /var/db/repos/gentoo
sync-type = rsync
sync-uri = rsync://rsync.gentoo.org/gentoo-portage
auto-sync = yes
sync-openpgp-key-path = /usr/share/openpgp-keys/gentoo-release.asc
`;

test("the file that Gentoo ships is parsed", () => {
  expect(parse(SHIPPED)).toEqual({
    mainRepo: "gentoo",
    sections: [
      {
        name: "gentoo",
        location: "/var/db/repos/gentoo",
        eclassOverrides: [],
        aliases: [],
      },
    ],
    problems: [],
  });
});

test("later files change single options of a section and add sections", () => {
  const { sections, mainRepo } = parse(
    SHIPPED,
    "[gentoo]\nlocation = /srv/gentoo\npriority = 7\n",
    "[guru]\nlocation = /srv/guru\nmasters = gentoo\npriority = 50\naliases = g u\neclass-overrides = a\n  b\n",
  );
  expect(mainRepo).toBe("gentoo");
  expect(sections[0]).toMatchObject({ location: "/srv/gentoo", priority: 7 });
  expect(sections[1]).toEqual({
    name: "guru",
    location: "/srv/guru",
    masters: ["gentoo"],
    eclassOverrides: ["a", "b"],
    aliases: ["g", "u"],
    priority: 50,
  });
});

test.each([
  ["a colon separates too, names of options have no case", "[x]\nLocation: /a:b=c", "/a:b=c"],
  ["blanks around", "[x]\n  location   =   /a b  \n", "/a b"],
  ["comments of both kinds, also between an option and its continuation", "# c\n[x]\n; c\nlocation = /a\n# c\n", "/a"],
  ["a comment sign inside a value belongs to it", "[x]\nlocation = /a#b;c", "/a#b;c"],
  ["CRLF", "[x]\r\nlocation = /a\r\n", "/a"],
  ["options of [DEFAULT] are every section's", "[x]\npriority = 1\n[DEFAULT]\nlocation = /d", "/d"],
  ["Prefix's own spelling", "[x]\nlocation = %(EPREFIX)s/var/db/repos/x", "/var/db/repos/x"],
  ["another option's value", "[x]\nlocation = %(base)s/%%x\nbase = /b", "/b/%x"],
  ["what cannot be replaced stays", "[x]\nlocation = /%(nothing)s", "/%(nothing)s"],
])("location: %s", (_, text, location) => {
  const { sections, problems } = parse(text);
  expect(sections).toHaveLength(1);
  expect(sections[0]?.location).toBe(location);
  expect(problems).toEqual([]);
});

test("a recursive option stays as it is", () => {
  expect(parse("[x]\nlocation = a%(b)s\nb = b%(location)s").sections[0]?.location).toBe("ab%(location)s");
});

test("empty masters mean none, and missing masters leave the decision to layout.conf", () => {
  expect(parse("[x]\nmasters =").sections[0]?.masters).toEqual([]);
  expect(parse("[x]\nlocation = /a").sections[0]).not.toHaveProperty("masters");
});

test("an invalid line is reported with file and line number, and the rest is used", () => {
  const { sections, problems } = parse("stray = 1\n[x]\nlocation = /a\nnonsense\npriority = high\n");
  expect(problems).toEqual([
    `file0 line 1: expected [section] or option = value, got "stray = 1"`,
    `file0 line 4: expected [section] or option = value, got "nonsense"`,
  ]);
  expect(sections[0]).toMatchObject({ name: "x", location: "/a" });
  expect(sections[0]).not.toHaveProperty("priority");
});

test.each([
  ["the main repository comes first", "[a]\n[main]\n[z]\n", ["main", "a", "z"]],
  ["priorities go upward", "[a]\npriority = 5\n[z]\npriority = -5\n[main]\n[n]\n", ["main", "z", "n", "a"]],
  ["the main repository's own priority holds", "[a]\n[main]\npriority = 9\n", ["a", "main"]],
  ["among equals the main repository is first", "[a]\npriority = 9\n[main]\npriority = 9\n", ["main", "a"]],
])("order: %s", (_, text, names) => {
  const conf = parse(`[DEFAULT]\nmain-repo = main\n${text}`);
  expect(inPortageOrder(conf).map(({ name }) => name)).toEqual(names);
});

test("any text is parsed without throwing", () => {
  const piece = fc.oneof(
    fc.constantFrom("[", "]", "\n", "\n ", "=", ":", "%(", ")s", "%", "location", "#"),
    fc.string(),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 60 }), (pieces) => {
      expect(Array.isArray(inPortageOrder(parse(pieces.join(""))))).toBe(true);
    }),
  );
});
