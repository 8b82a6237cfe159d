/**
 * Tests that the pages stay true in what a program can check: links lead somewhere, comments cite pages that exist, and the
 * reference pages name every command, option, route and room.
 */
import { expect, test } from "bun:test";
import { existsSync, globSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { version } from "../package.json" with { type: "json" };
import { COMMANDS } from "../src/cli/commands.ts";
import { ROUTES } from "../src/http/api/routes.ts";

const root = join(import.meta.dir, "..");
const read = (path: string) => readFileSync(join(root, path), "utf8");
const PAGES = [...globSync(["*.md", "docs/*.md", "scripts/**/*.md"], { cwd: root })];

/** The anchors of a page's headings, as GitHub makes them. */
function anchorsOf(page: string): readonly string[] {
  const headings = [...readFileSync(page, "utf8").matchAll(/^#+ (.*)$/gm)];
  return headings.map(([, text = ""]) =>
    text
      .toLowerCase()
      .replaceAll(/[^\w\- ]/g, "")
      .replaceAll(" ", "-"),
  );
}

test("every link between pages leads to a file, and to a heading where it names one", () => {
  const broken = PAGES.flatMap((page) =>
    [...read(page).matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, link = ""]) => {
      if (/^https?:/.test(link)) return [];
      const [path = "", anchor] = link.split("#");
      const target = path === "" ? join(root, page) : resolve(root, dirname(page), path);
      const isThere = existsSync(target) && (anchor === undefined || anchorsOf(target).includes(anchor));
      return isThere ? [] : [`${page}: ${link}`];
    }),
  );
  expect(PAGES.length).toBeGreaterThan(10);
  expect(broken).toEqual([]);
});

test("a page that sources name is in the repository", () => {
  const sources = globSync(["src/**/*.{ts,tsx,bash}", "scripts/**/*.{ts,c,bash}", "scripts/*", ".ci/*"], { cwd: root });
  const missing = sources
    .filter((path) => path.includes(".") && !path.endsWith("docs.test.ts"))
    .flatMap((path) => [...read(path).matchAll(/\b[\w/-]+\.md\b/g)].map(([name]) => [path, name] as const))
    .filter(([path, name]) => ![root, join(root, dirname(path))].some((folder) => existsSync(join(folder, name))));
  expect(missing.map(([path, name]) => `${path}: ${name}`)).toEqual([]);
});

test("the README is under 150 lines, and each program that it or CONTRIBUTING.md names is there", () => {
  expect(read("README.md").split("\n").length).toBeLessThan(150);
  const named = ["README.md", "CONTRIBUTING.md"].flatMap(
    (page) => read(page).match(/\b(?:src|scripts)\/[\w./-]+\w/g) ?? [],
  );
  expect(named.length).toBeGreaterThan(20);
  expect(named.filter((path) => !existsSync(join(root, path)))).toEqual([]);
});

test("files of a release are named with its version", () => {
  const files = [...PAGES, ...globSync("docs/containers/*", { cwd: root })];
  const named = files.flatMap((path) => read(path).match(/\bportcache[-_:]\d+\.\d+\.\d+/g) ?? []);
  expect(named.length).toBeGreaterThan(5);
  expect(named.filter((name) => !name.endsWith(version))).toEqual([]);
});

test("docs/commands.md names every command and option", () => {
  const page = read("docs/commands.md");
  const words = Object.entries(COMMANDS).flatMap(([name, { options = [] }]) => [
    `portcache ${name}`,
    ...options.map(({ flags }) => flags.split(" ")[0] ?? ""),
  ]);
  expect(words.filter((word) => !page.includes(word))).toEqual([]);
});

test("docs/api.md names every route", () => {
  const page = read("docs/api.md");
  expect(ROUTES.map(({ path }) => path.slice(1)).filter((name) => !page.includes(`\`${name}`))).toEqual([]);
});

test("docs/architecture.md names every room, and no other", () => {
  const page = read("docs/architecture.md");
  const folders = readdirSync(join(root, "src"), { withFileTypes: true }).filter((entry) => entry.isDirectory());
  const rooms = [...page.matchAll(/^\| `([\w-]+)\/` \|/gm)].map(([, name]) => name);
  expect(rooms.toSorted()).toEqual(folders.map(({ name }) => name).toSorted());
});
