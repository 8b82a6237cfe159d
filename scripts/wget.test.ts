/**
 * The executable as Portage meets it: real wget under Portage's own FETCHCOMMAND and RESUMECOMMAND, names as they stand
 * in real Manifests (`%2F`, `@`, `!`), two mirrors that each have a part of the files.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, globSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type GeneratedContent, readContent } from "../src/testing/content.ts";
import { type Server, startExecutable } from "../src/testing/executable.ts";
import { type FakeUpstream, startFakeUpstream } from "../src/testing/fake-upstream.ts";
import { writeRepository } from "../src/testing/repository.ts";
import { distfilePath } from "../src/testing/stored.ts";
import { createTempFolder } from "../src/testing/temp.ts";

const MIB = 1024 * 1024;
const FILES = 200;
const SMALLEST_BYTES = 512;
const LARGEST_BYTES = 6 * MIB;
const WGETS_AT_ONCE = 4;

/** Real metadata of an overlay, kept beside the checkout; the tests go without where it is not there. */
const MANIFESTS = join(import.meta.dir, "../../shared/data/guru-metadata.tar.xz");

/** FETCHCOMMAND of Portage's make.globals, and what its RESUMECOMMAND has besides. */
const FETCH = ["-t", "3", "-T", "60", "--passive-ftp", "-U", "Portage (Gentoo, https://www.gentoo.org) distfile-fetch"];
const RESUME = ["-c", ...FETCH];

/** Names of GURU's Manifests and of an old ::gentoo, for where there are no others. */
const SOME_NAMES = [
  "github.com%2F!burnt!sushi%2Ftoml%2F@v%2Fv0.3.1.mod",
  "github.com%2F!stack!exchange%2Fwmi%2F@v%2Fv0.0.0-20190523213315-cbe66965904d.zip",
  "github.com%2F!rhymen%2Fgo-whatsapp%2Fexamples%2Frestore!session%2F@v%2Fv0.0.0-20190325075644-cc2581bbf24d.mod",
  "golang.org%2Fx%2Fcrypto%2F@v%2Fv0.0.0-20220829220503-c86fa9a7ed90.zip",
  "google.golang.org%2Fgrpc%2F@v%2Fv1.25.1.mod",
  "gopkg.in%2Fyaml.v3%2F@v%2Fv3.0.0-20200313102051-9f266ea9e77c.zip",
  "CMSV7_LINUX(AMD64)_7.36.0.1_260327.rpm",
  "GoogleSans-VariableFont_GRAD,opsz,wght-999999786498.ttf",
  "bespokesynth-exprtk-{ca58bbd8bcf1165dbe20268e91ccfd2d0e18e5dc.tar.gz",
  "a~b:c=d.tar.bz2",
  "what?.zip",
  "set[1]&[2].tgz",
  "gtk+-2.24.10.tar.bz2",
  "libsigc++-2.2.10.tar.xz",
  "serde-1.0.130.crate",
  "wasi-0.11.0+wasi-snapshot-preview1.crate",
  "linux-6.6.tar.xz",
  "patch-6.6.1.xz",
  "firefox-115.0esr.source.tar.xz",
  "7z2301-src.tar.xz",
  "_.zip",
  "-dash-1.tar.gz",
  ".hidden-1.tar.gz",
  "README",
  "X.org_1.tar.gz",
  "v1.0.tar.gz",
  "electron-v22.3.27-linux-x64.zip",
  "libreoffice-7.5.9.2.tar.xz",
  "texlive-module-l3kernel-2021.tar.xz",
  "texlive-module-collection-latexextra.source-2021.tar.xz",
];

interface Distfile {
  readonly name: string;
  readonly content: GeneratedContent;
  /** The request's path, by one layout or the other. */
  readonly path: string;
}

const folder = createTempFolder("portcache-wget-");
let mirrors: readonly FakeUpstream[];
let server: Server;
let distfiles: readonly Distfile[];
const later = {
  cached: { size: 6 * MIB, seed: 1001 },
  cold: { size: 6 * MIB, seed: 1002 },
  incoming: { size: 6 * MIB, seed: 1003 },
};

/** Unpacks the real Manifests, and gives every name in them. */
async function readRealNames(repository: string): Promise<readonly string[]> {
  mkdirSync(repository);
  if (!existsSync(MANIFESTS)) return [];
  expect(await Bun.spawn(["tar", "-xf", MANIFESTS, "-C", repository]).exited).toBe(0);
  const names = new Set<string>();
  for (const manifest of globSync("*/*/Manifest", { cwd: repository })) {
    const text = readFileSync(join(repository, manifest), "utf8");
    for (const [, name] of text.matchAll(/^DIST (\S+) /gm)) names.add(name ?? "");
  }
  return [...names].sort();
}

function spread<T>(list: readonly T[], count: number): readonly T[] {
  return Array.from({ length: count }, (_, i) => list[Math.floor((i * list.length) / count)] as T);
}

/** Half of them are of the kind that needs quoting. */
function chooseNames(real: readonly string[]): readonly string[] {
  if (real.length === 0) return Array.from({ length: FILES }, (_, i) => `${SOME_NAMES[i % SOME_NAMES.length]}${i}`);
  const odd = real.filter((name) => /[^\w.+-]/.test(name));
  const rare = odd.filter((name) => /[^\w.+%@-]/.test(name));
  const plain = real.filter((name) => !/[^\w.+-]/.test(name));
  const odds = new Set([...spread(rare, 40), ...spread(odd, FILES)]);
  return [...[...odds].slice(0, FILES / 2), ...spread(plain, FILES / 2)];
}

/** As Python's urllib.parse.quote does. */
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

/** From the smallest to the largest, each by the same factor larger than the one before. */
function sizeOf(i: number): number {
  return Math.round(SMALLEST_BYTES * (LARGEST_BYTES / SMALLEST_BYTES) ** (i / (FILES - 1)));
}

beforeAll(async () => {
  const real = await readRealNames(folder.file("guru"));
  distfiles = chooseNames(real).map((name, i) => ({
    name,
    // Sizes go through all names: 67 and 200 have no common factor.
    content: { size: sizeOf((i * 67) % FILES), seed: i },
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
    dist: { "cached.zip": later.cached, "cold.zip": later.cold, "incoming.zip": later.incoming },
  });
  const repos = [repository.location, ...(real.length > 0 ? [folder.file("guru")] : [])];
  server = await startExecutable({
    settings: { fetcher: { mirrors: mirrors.map(({ url }) => url) }, repo: { repos } },
  });
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  for (const mirror of mirrors) await mirror.close();
  folder.remove();
});

/** Brings a file into DISTDIR as Portage does. @returns wget's exit code and what it said */
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

/** GETs of a file at both mirrors, those that were answered by 404 not counted. */
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
  return server.log().match(/ GET .*: hit 200, /g)?.length ?? 0;
}

test(`wget brings ${FILES} files whole, from the mirrors once, and then from the store`, async () => {
  expect(distfiles.reduce((sum, { content }) => sum + content.size, 0)).toBeLessThan(150_000_000);
  expect(new Set(distfiles.map(({ name }) => name)).size).toBe(FILES);
  await fetchAll(folder.file("cold"));
  expect(distfiles.filter(({ name }) => fetchesOf(name) !== 1)).toEqual([]);
  expect(hitsInLog()).toBe(0);
  const asked = mirrors.map(({ requests }) => requests.length);
  await fetchAll(folder.file("warm"));
  expect(mirrors.map(({ requests }) => requests.length)).toEqual(asked);
  expect(hitsInLog()).toBe(FILES);
}, 60_000);

/** Leaves the file's beginning in a DISTDIR of its own, as a download that was broken off does. */
function leavePartial(name: string, content: GeneratedContent, bytes: number): string {
  const distdir = folder.file(`resume-${name}`);
  mkdirSync(distdir);
  writeFileSync(join(distdir, `${name}.__download__`), readContent(content, 0, bytes));
  return distdir;
}

test("wget -c continues a file that is in the store", async () => {
  const name = "cached.zip";
  expect(await wget(FETCH, folder.path, name, hashedPath(name))).toBe("done");
  const distdir = leavePartial(name, later.cached, 400_001);
  expect(await wget(RESUME, distdir, name, hashedPath(name))).toBe("done");
  expectRight(distdir, name, later.cached);
  expect(server.log()).toMatch(/ GET cached\.zip: hit 206, /);
  expect(fetchesOf(name)).toBe(1);
});

test("wget -c continues a file that is not, and all of it is stored", async () => {
  const name = "cold.zip";
  const distdir = leavePartial(name, later.cold, 3_000_001);
  expect(await wget(RESUME, distdir, name, name)).toBe("done");
  expectRight(distdir, name, later.cold);
  expect(await wget(FETCH, folder.path, name, name)).toBe("done");
  expectRight(folder.path, name, later.cold);
  expect(server.log()).toMatch(/ GET cold\.zip: miss 206, /);
  expect(fetchesOf(name)).toBe(1);
});

test("wget -c continues a file that is coming in, before and behind what has come", async () => {
  const name = "incoming.zip";
  for (const mirror of mirrors) mirror.setFault(name, { kind: "rate", bytesPerSecond: 4 * MIB });
  const first = wget(FETCH, folder.path, name, name);
  while (fetchesOf(name) === 0) await Bun.sleep(5);
  await Bun.sleep(200);
  const behind = leavePartial(name, later.incoming, 500_001);
  const resumed = wget(RESUME, behind, name, hashedPath(name));
  const ahead = folder.file("ahead");
  mkdirSync(ahead);
  writeFileSync(join(ahead, `${name}.__download__`), readContent(later.incoming, 0, 5_500_001));
  expect(await wget(RESUME, ahead, name, name)).toBe("done");
  expect([await first, await resumed]).toEqual(["done", "done"]);
  for (const distdir of [folder.path, behind, ahead]) expectRight(distdir, name, later.incoming);
  expect(server.log().match(/ GET incoming\.zip: miss, joined 206, /g)?.length).toBe(2);
  expect(fetchesOf(name)).toBe(1);
});
