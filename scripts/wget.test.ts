/**
 * Fetches from the executable as Portage does: with wget under FETCHCOMMAND and RESUMECOMMAND, names from real Manifests (`%2F`,
 * `@`, `!`), and two mirrors that each have a part of the files.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type GeneratedContent, readContent } from "../src/testing/content.ts";
import { type Server, startExecutable } from "../src/testing/executable.ts";
import { type FakeUpstream, startFakeUpstream } from "../src/testing/fake-upstream.ts";
import { writeRepository } from "../src/testing/repository.ts";
import { distfilePath } from "../src/testing/stored.ts";
import { createTempFolder } from "../src/testing/temp.ts";

const MIB = 1024 * 1024;
const SMALLEST_BYTES = 512;
const MAX_FILE_BYTES = 6 * MIB;
const WGETS_AT_ONCE = 4;

/** Names from the Manifests of ::gentoo and GURU, half of which need quoting. */
const NAMES = readFileSync(`${import.meta.dir}/wget-names.txt`, "utf8")
  .trimEnd()
  .split("\n");

/** Options of FETCHCOMMAND in Portage's make.globals; RESUMECOMMAND adds one. */
const FETCH = ["-t", "3", "-T", "60", "--passive-ftp", "-U", "Portage (Gentoo, https://www.gentoo.org) distfile-fetch"];
const RESUME = ["-c", ...FETCH];

interface Distfile {
  readonly name: string;
  readonly content: GeneratedContent;
  /** Path of the request, in one of the layouts. */
  readonly path: string;
}

const folder = createTempFolder("portcache-wget-");
let mirrors: readonly FakeUpstream[];
let server: Server;
let distfiles: readonly Distfile[];
const later = {
  cached: { size: 6 * MIB, seed: 1001 },
  cold: { size: 6 * MIB, seed: 1002 },
  slow: { size: 6 * MIB, seed: 1003 },
};

/** Quotes a path as Python's urllib.parse.quote does. */
function quote(path: string): string {
  return [...Buffer.from(path)]
    .map((byte) => String.fromCharCode(byte))
    .map((char) =>
      /[\w.~/-]/.test(char) ? char : `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`,
    )
    .join("");
}

/** Returns the path below `/distfiles/` by the hash of the name. */
function hashedPath(name: string): string {
  return distfilePath(name).slice("/distfiles/".length);
}

/** Returns the i-th size: sizes grow by a constant factor from the smallest to the largest. */
function sizeOf(i: number): number {
  return Math.round(SMALLEST_BYTES * (MAX_FILE_BYTES / SMALLEST_BYTES) ** (i / (NAMES.length - 1)));
}

beforeAll(async () => {
  distfiles = NAMES.map((name, i) => ({
    name,
    // Sizes go through all names: 67 and 200 have no common factor.
    content: { size: sizeOf((i * 67) % NAMES.length), seed: i },
    path: i % 2 === 0 ? hashedPath(name) : name,
  }));
  // A third is at the first mirror alone, a third at the second, a third at both.
  const at = (other: number) =>
    distfiles.filter((_, i) => i % 3 !== other).map(({ name, content }) => [name, content] as const);
  mirrors = await Promise.all([1, 0].map((other) => startFakeUpstream({ files: new Map(at(other)) })));
  for (const { files } of mirrors)
    for (const [name, content] of Object.entries(later)) files.set(`${name}.zip`, content);
  const repository = writeRepository(folder.file("repository"), { name: "test" });
  repository.put("app-misc/many", { dist: Object.fromEntries(distfiles.map(({ name, content }) => [name, content])) });
  repository.put("app-misc/later", {
    dist: { "cached.zip": later.cached, "cold.zip": later.cold, "slow.zip": later.slow },
  });
  server = await startExecutable({
    settings: { fetcher: { mirrors: mirrors.map(({ url }) => url) }, repo: { repos: [repository.location] } },
  });
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  for (const mirror of mirrors) await mirror.close();
  folder.remove();
});

/** Fetches a file into DISTDIR as Portage does. @returns "done", or wget's exit code and messages */
async function wget(args: readonly string[], distdir: string, name: string, path: string): Promise<string> {
  const url = `${server.url}/distfiles/${quote(path)}`;
  const child = Bun.spawn(["wget", ...args, "-O", join(distdir, `${name}.__download__`), url], {
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
  });
  const [said, exit] = await Promise.all([child.stderr.text(), child.exited]);
  return exit === 0 ? "done" : `exit ${exit} ${said}`;
}

function expectRight(distdir: string, name: string, content: GeneratedContent): void {
  const bytes = readFileSync(join(distdir, `${name}.__download__`));
  expect([name, bytes.length, Buffer.compare(bytes, readContent(content))]).toEqual([name, content.size, 0]);
}

/** Counts the GETs of a file at both mirrors, without those answered with 404. */
function fetchesOf(name: string): number {
  return mirrors.flatMap((mirror) => mirror.fileRequests(name)).filter(({ method }) => method === "GET").length;
}

async function fetchAll(distdir: string): Promise<void> {
  mkdirSync(distdir);
  const left = [...distfiles];
  const worker = async () => {
    for (let file = left.pop(); file; file = left.pop()) {
      expect(await wget(FETCH, distdir, file.name, file.path)).toBe("done");
    }
  };
  await Promise.all(Array.from({ length: WGETS_AT_ONCE }, worker));
  for (const { name, content } of distfiles) expectRight(distdir, name, content);
}

function hitsInLog(): number {
  return server.log().match(/ GET .*: hit, 200, /g)?.length ?? 0;
}

test(`wget fetches ${NAMES.length} files, each from the mirrors once and then from the store`, async () => {
  expect(distfiles.reduce((sum, { content }) => sum + content.size, 0)).toBeLessThan(150_000_000);
  expect(new Set(distfiles.map(({ name }) => name)).size).toBe(NAMES.length);
  await fetchAll(folder.file("cold"));
  expect(distfiles.filter(({ name }) => fetchesOf(name) !== 1)).toEqual([]);
  expect(hitsInLog()).toBe(0);
  const asked = mirrors.map(({ requests }) => requests.length);
  await fetchAll(folder.file("warm"));
  expect(mirrors.map(({ requests }) => requests.length)).toEqual(asked);
  expect(hitsInLog()).toBe(NAMES.length);
}, 60_000);

/** Leaves the beginning of a file in its own DISTDIR, as an interrupted download does. */
function leavePartial(name: string, content: GeneratedContent, bytes: number): string {
  const distdir = folder.file(`resume-${name}`);
  mkdirSync(distdir);
  writeFileSync(join(distdir, `${name}.__download__`), readContent(content, 0, bytes));
  return distdir;
}

test("wget -c resumes a file that is in the store", async () => {
  const name = "cached.zip";
  expect(await wget(FETCH, folder.path, name, hashedPath(name))).toBe("done");
  const distdir = leavePartial(name, later.cached, 400_001);
  expect(await wget(RESUME, distdir, name, hashedPath(name))).toBe("done");
  expectRight(distdir, name, later.cached);
  expect(server.log()).toMatch(/ GET cached\.zip: hit, 206, /);
  expect(fetchesOf(name)).toBe(1);
});

test("wget -c resumes a file that is not in the store, and the whole file is stored", async () => {
  const name = "cold.zip";
  const distdir = leavePartial(name, later.cold, 3_000_001);
  expect(await wget(RESUME, distdir, name, name)).toBe("done");
  expectRight(distdir, name, later.cold);
  expect(await wget(FETCH, folder.path, name, name)).toBe("done");
  expectRight(folder.path, name, later.cold);
  expect(server.log()).toMatch(/ GET cold\.zip: miss, 206, /);
  expect(fetchesOf(name)).toBe(1);
});

test("wget -c resumes a file during its download, before and behind the bytes received so far", async () => {
  const name = "slow.zip";
  for (const mirror of mirrors) mirror.setFault(name, { kind: "rate", bytesPerSecond: 4 * MIB });
  const first = wget(FETCH, folder.path, name, name);
  while (fetchesOf(name) === 0) await Bun.sleep(5);
  await Bun.sleep(200);
  const behind = leavePartial(name, later.slow, 500_001);
  const resumed = wget(RESUME, behind, name, hashedPath(name));
  const ahead = folder.file("ahead");
  mkdirSync(ahead);
  writeFileSync(join(ahead, `${name}.__download__`), readContent(later.slow, 0, 5_500_001));
  expect(await wget(RESUME, ahead, name, name)).toBe("done");
  expect([await first, await resumed]).toEqual(["done", "done"]);
  for (const distdir of [folder.path, behind, ahead]) expectRight(distdir, name, later.slow);
  expect(server.log().match(/ GET slow\.zip: miss \(joined\), 206, /g)?.length).toBe(2);
  expect(fetchesOf(name)).toBe(1);
});
