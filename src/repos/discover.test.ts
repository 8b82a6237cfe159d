import { afterAll, beforeEach, expect, test } from "bun:test";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
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
    warnings: [],
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
    "ssh://git@git.gentoo.org/repo/gentoo.git",
    "rsync://rsync.gentoo.org/gentoo-portage",
  ];
  const found = discoverRepositories({ repos: [...urls, addRepository("a:b@c")], root });
  expect(namesOf(found)).toEqual(["a:b@c"]);
  expect(found).toMatchObject({ urls, pending: urls, problems: [] });
});

test("a cloned URL is a repository, in its configured place among the paths", () => {
  const [first, last] = [addRepository("first"), addRepository("last")];
  mkdirSync(`${root}/repos/.x/version/profiles`, { recursive: true });
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
    "The repository /none is missing",
    "Cannot read the repository /file/x: not a directory",
    "The repository /file is not a folder",
  ]);
});

test("a folder that is no repository is a problem, and one below it is suggested", () => {
  mkdirSync(`${root}/empty`);
  mkdirSync(`${root}/etc/portage`, { recursive: true });
  addRepository("parent/gentoo", "gentoo");
  symlinkSync("/nowhere/gentoo", `${root}/dangling`);
  const { problems } = discoverRepositories({
    repos: [`${root}/empty`, `${root}/etc`, `${root}/parent`, `${root}/dangling`],
    root,
  });
  expect(problems.map((text) => text.replaceAll(root, ""))).toEqual([
    "The repository /empty is empty: it is not synced yet, or not mounted",
    "The repository /etc is not an ebuild repository: it has neither profiles/ nor metadata/",
    "The repository /parent is not an ebuild repository: it has neither profiles/ nor metadata/; did you mean /parent/gentoo?",
    "Cannot read the repository /dangling: /dangling is a link to /nowhere/gentoo, which is not there",
  ]);
});

test("of any number of folders only the first ones are looked at for a suggestion", () => {
  for (let i = 0; i < 200; i++) mkdirSync(`${root}/parent/f${i}`, { recursive: true });
  addRepository("parent/last", "last");
  const { problems } = discoverRepositories({ repos: [`${root}/parent`], root });
  expect(problems.join()).toEndWith("it has neither profiles/ nor metadata/");
});

test("a master that is not here is a warning, unless it may be the one that is still to be cloned", () => {
  const overlay = addRepository("overlay", "overlay");
  write("overlay/metadata/layout.conf", "masters = gentoo guru g\n");
  const guru = addRepository("guru", "guru");
  write("guru/metadata/layout.conf", "masters =\naliases = g\n");
  expect(discoverRepositories({ repos: [overlay, guru], root })).toMatchObject({
    problems: [],
    warnings: [`The repository ${overlay} has the master gentoo, which was not found (add it to repo.repos)`],
  });
  expect(discoverRepositories({ repos: [overlay, "https://host/gentoo.git"], root }).warnings).toEqual([]);
});

test("a repository that this user may not read is a problem, wherever it is configured", () => {
  const closed = addRepository("var/db/repos/closed", "closed");
  addRepository("var/db/repos/open", "open");
  chmodSync(closed, 0o700);
  for (let path = root; path !== "/"; path = dirname(path)) if (path.startsWith(base)) chmodSync(path, 0o755);
  if (process.getuid?.() !== 0) return;
  process.seteuid?.(65534);
  try {
    const problem = (path: string) => `Cannot read ${path}${closed}: permission denied`;
    expect(discoverRepositories({ repos: [], root })).toMatchObject({
      repositories: [{ name: "open" }],
      problems: [problem("")],
    });
    expect(discoverRepositories({ repos: [closed], root }).problems).toEqual([problem("the repository ")]);
  } finally {
    process.seteuid?.(0);
  }
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
    warnings: [],
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
  const nothing = { repositories: [], mastersOnly: [], urls: [], pending: [], problems: [], warnings: [] };
  expect(discoverRepositories({ repos: [], root })).toEqual(nothing);
});

test("a repo_name that is a pipe, a device or a huge file is ignored at once", async () => {
  const profiles = join(root, "strange/profiles");
  mkdirSync(profiles, { recursive: true });
  const nameNow = () => discoverRepositories({ repos: [join(root, "strange")] }).repositories[0]?.name;
  expect(await Bun.spawn(["mkfifo", `${profiles}/repo_name`]).exited).toBe(0);
  expect(nameNow()).toBe("strange");
  rmSync(`${profiles}/repo_name`);
  for (const [target, reason] of [
    ["/dev/zero", "a link out of the repository"],
    [join(root, "secret"), "a link out of the repository"],
  ] as const) {
    writeFileSync(join(root, "secret"), "hunter2\n");
    symlinkSync(target, `${profiles}/repo_name`);
    const { repositories, warnings } = discoverRepositories({ repos: [join(root, "strange")] });
    expect([repositories[0]?.name, warnings]).toEqual(["strange", [expect.stringContaining(reason)]]);
    rmSync(`${profiles}/repo_name`);
  }
  writeFileSync(`${profiles}/own_name`, "own\n");
  symlinkSync("own_name", `${profiles}/repo_name`);
  expect(nameNow()).toBe("own");
});
