import { afterAll, beforeEach, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { discoverRepositories } from "./discover.ts";

const base = mkdtempSync(join(tmpdir(), "portcache-find-"));
let root = base;

beforeEach(() => {
  root = mkdtempSync(join(base, "root-"));
});
afterAll(() => rmSync(base, { recursive: true }));

function write(path: string, text: string): void {
  mkdirSync(dirname(`${root}/${path}`), { recursive: true });
  writeFileSync(`${root}/${path}`, text);
}

/** Makes a repository and returns where it is. */
function addRepository(path: string, name?: string): string {
  mkdirSync(`${root}/${path}/profiles`, { recursive: true });
  if (name !== undefined) write(`${path}/profiles/repo_name`, `${name}\n`);
  return `${root}/${path}`;
}

const namesOf = ({ repositories }: ReturnType<typeof discoverRepositories>) => repositories.map(({ name }) => name);

test("configured paths keep their order, each once, named by repo_name or else by folder", () => {
  const [b, a] = [addRepository("b", "second"), addRepository("a")];
  symlinkSync(b, `${root}/link`);
  write("etc/portage/repos.conf", `[ignored]\nlocation = ${addRepository("ignored")}\n`);
  const found = discoverRepositories({ repos: [b, `${a}/`, `${root}/link`, a], root });
  expect(found).toEqual({
    repositories: [
      { name: "second", location: b },
      { name: "a", location: a },
    ],
    mastersOnly: [{ name: "ignored", location: `${root}/ignored`, eclassOverrides: [], aliases: [] }],
    urls: [],
    pending: [],
    problems: [],
  });
});

test("an invalid repo_name is ignored", () => {
  expect(
    namesOf(discoverRepositories({ repos: [addRepository("x", "../evil"), addRepository("y", "")], root })),
  ).toEqual(["x", "y"]);
});

test("URLs are distinguished from paths", () => {
  const urls = [
    "https://github.com/gentoo/guru.git",
    "git@github.com:gentoo/guru.git",
    "git+ssh://git@git.gentoo.org/repo/gentoo.git",
    "rsync://rsync.gentoo.org/gentoo-portage",
  ];
  const found = discoverRepositories({ repos: [...urls, addRepository("a:b@c")], root });
  expect(namesOf(found)).toEqual(["a:b@c"]);
  expect(found).toMatchObject({ urls, pending: urls, problems: [] });
});

test("a cloned URL is a repository, in its configured place among the paths", () => {
  const [first, last] = [addRepository("first"), addRepository("last")];
  mkdirSync(`${root}/repos/.x/version`, { recursive: true });
  symlinkSync(".x/version", `${root}/repos/x-12345678`);
  const [cloned, away] = ["https://host/cloned.git", "https://host/away.git"];
  const found = discoverRepositories({
    repos: [first, cloned, away, last],
    root,
    synced: (url) => (url === cloned ? `${root}/repos/x-12345678` : undefined),
  });
  expect(found.repositories).toEqual([
    { name: "first", location: first },
    { name: "cloned", location: `${root}/repos/x-12345678` },
    { name: "last", location: last },
  ]);
  expect(found).toMatchObject({ urls: [cloned, away], pending: [away], problems: [] });
});

test("with configured repositories, those of the system serve as masters only, and their problems are ignored", () => {
  const gentoo = addRepository("var/db/repos/gentoo", "gentoo");
  const guru = addRepository("srv/guru", "guru");
  const mine = addRepository("mine", "mine");
  write(
    "etc/portage/repos.conf",
    `[DEFAULT]\nmain-repo = gentoo\n[gentoo]\nlocation = ${gentoo}\n[mine]\nlocation = ${mine}/\nmasters = guru\n` +
      `eclass-overrides = guru\naliases = own\n[guru]\nlocation = ${guru}\n[gone]\nlocation = /gone\n[none]\n`,
  );
  const found = discoverRepositories({ repos: [mine], root });
  // What repos.conf says of a repository holds although it was configured by its path.
  expect(found.repositories).toEqual([
    { name: "mine", location: mine, masters: ["guru"], eclassOverrides: ["guru"], aliases: ["own"] },
  ]);
  expect(found.mastersOnly.map(({ name, location }) => [name, location])).toEqual([
    ["gentoo", gentoo],
    ["guru", guru],
  ]);
  expect(found).toMatchObject({ mainRepo: "gentoo", problems: [] });
});

test("a path that is missing, or a file, is a problem with the path in it", () => {
  write("file", "");
  const { repositories, problems } = discoverRepositories({
    repos: [`${root}/none`, `${root}/file/x`, `${root}/file`],
    root,
  });
  expect(repositories).toEqual([]);
  expect(problems.map((text) => text.replace(root, ""))).toEqual([
    "The repository /none is missing, or not a folder",
    "The repository /file/x is missing, or not a folder",
    "The repository /file is missing, or not a folder",
  ]);
});

test("by default repositories come from repos.conf in Portage's order, then from /var/db/repos", () => {
  const [gentoo, guru] = [addRepository("var/db/repos/gentoo", "gentoo"), addRepository("srv/guru", "guru")];
  const local = addRepository("var/db/repos/local");
  mkdirSync(`${root}/var/db/repos/junk`);
  addRepository("var/db/repos/.hidden");
  write("usr/share/portage/config/repos.conf", "[DEFAULT]\nmain-repo = gentoo\n[gentoo]\nlocation = /nowhere\n");
  write("etc/portage/repos.conf/b.conf", `[gentoo]\nlocation = ${gentoo}\n`);
  write("etc/portage/repos.conf/a/deep", `[guru]\nlocation = ${guru}\nmasters = gentoo\naliases = g\n`);
  write("etc/portage/repos.conf/b.conf~", "[backup]\nlocation = /backup\n");
  write("etc/portage/repos.conf/.hidden", "[hidden]\nlocation = /hidden\n");
  write("etc/portage/repos.conf/.git/config", "[git]\nlocation = /git\n");
  expect(discoverRepositories({ repos: [], root })).toEqual({
    repositories: [
      { name: "gentoo", location: gentoo, eclassOverrides: [], aliases: [] },
      { name: "guru", location: guru, masters: ["gentoo"], eclassOverrides: [], aliases: ["g"] },
      { name: "local", location: local },
    ],
    mastersOnly: [],
    mainRepo: "gentoo",
    urls: [],
    pending: [],
    problems: [],
  });
});

test("files of a repos.conf folder are read in the order of their names", () => {
  const [first, second] = [addRepository("first"), addRepository("second")];
  write("etc/portage/repos.conf/20", `[x]\nlocation = ${second}\n`);
  write("etc/portage/repos.conf/10", `[x]\nlocation = ${first}\n`);
  expect(discoverRepositories({ repos: [], root }).repositories.map(({ location }) => location)).toEqual([second]);
});

test("without repo_name the section of repos.conf gives the name; a section without location is a problem", () => {
  write("etc/portage/repos.conf", `[mine]\nlocation = ${addRepository("some-folder")}\n[empty]\npriority = 1\n`);
  const found = discoverRepositories({ repos: [], root });
  expect(namesOf(found)).toEqual(["mine"]);
  expect(found.problems).toEqual(["repos.conf section [empty] has no location"]);
});

test("a machine without Portage has no repositories and no problem", () => {
  const nothing = { repositories: [], mastersOnly: [], urls: [], pending: [], problems: [] };
  expect(discoverRepositories({ repos: [], root })).toEqual(nothing);
});

test("a repo_name that is a pipe, a device or a huge file is ignored at once", async () => {
  const profiles = join(root, "strange/profiles");
  mkdirSync(profiles, { recursive: true });
  const nameNow = () => discoverRepositories({ repos: [join(root, "strange")] }).repositories[0]?.name;
  expect(await Bun.spawn(["mkfifo", `${profiles}/repo_name`]).exited).toBe(0);
  expect(nameNow()).toBe("strange");
  rmSync(`${profiles}/repo_name`);
  symlinkSync("/dev/zero", `${profiles}/repo_name`);
  expect(nameNow()).toBe("strange");
});
