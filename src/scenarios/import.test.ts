/**
 * Tests the import of a DISTDIR or of a mirror's folders into the store, through the whole server.
 */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import type { ImportReport, Progress } from "../api/action-schemas.ts";
import { readContent } from "../testing/content.ts";
import { type TestRepository, writeRepository } from "../testing/repository.ts";
import { startServer, type TestServer, UNATTENDED } from "../testing/server.ts";
import { distfilePath } from "../testing/stored.ts";
import { createTempFolder, type TempFolder } from "../testing/temp.ts";

let folder: TempFolder;
let repository: TestRepository;
let server: TestServer | undefined;

beforeEach(() => {
  folder = createTempFolder();
  repository = writeRepository(folder.file("repository"));
  mkdirSync(folder.file("distdir"));
});

afterEach(async () => {
  await server?.stop();
  server = undefined;
  folder.remove();
});

function put(path: string, content: string | Uint8Array): void {
  const full = folder.file(`distdir/${path}`);
  mkdirSync(full.slice(0, full.lastIndexOf("/")), { recursive: true });
  writeFileSync(full, content);
}

async function start(settings: Record<string, string> = {}, repos: readonly string[] = [repository.location]) {
  server = await startServer({ location: folder.file("store"), mirrors: ["http://127.0.0.1:1"], repos, settings });
  await server.settled;
  return server;
}

async function importAll(onProgress: (progress: Progress) => void = () => undefined): Promise<ImportReport> {
  const { actions } = server ?? (await start());
  return await actions.import({ folder: folder.file("distdir") }, { onProgress, signal: new AbortController().signal });
}

const blake2b = (text: string) => createHash("blake2b512").update(text).digest("hex");
const skippedBy = (report: ImportReport) =>
  Object.fromEntries(report.skipped.map((one) => [one.reason, one.examples.sort()]));
const pathOf = (name: string) => folder.file(`store${distfilePath(name)}`);
const get = async (name: string) => await fetch(`${server?.url}/distfiles/${name}`);

/** Returns everything about the files in a folder that could change. */
function snapshot(path: string): unknown {
  return readdirSync(path, { recursive: true, encoding: "utf8" })
    .sort()
    .map((name) => {
      const { ino, nlink, mode, size, mtimeMs, ctimeMs } = lstatSync(`${path}/${name}`);
      return { name, ino, nlink, mode, size, mtimeMs, ctimeMs };
    });
}

test("files that match a Manifest are imported, the others reported with a reason, and the folder stays unchanged", async () => {
  const large = { size: 5_000_000, seed: 1 };
  const sha512 = createHash("sha512").update("old").digest("hex");
  repository.put("app-misc/a", {
    dist: {
      "good.tar": "good",
      "large.tar": large,
      "old.tar": { digests: { size: 3, sha512 } },
      "other.tar": "right",
      "short.tar": "whole",
      "linked.tar": "good",
      "pipe.tar": "pipe",
      "folder.tar": "folder",
    },
    lines: [`DIST bare.tar 4 WHIRLPOOL ${"0".repeat(128)}`],
  });
  put("good.tar", "good");
  put("large.tar", readContent(large));
  put("old.tar", "old");
  put("bare.tar", "bare");
  put("other.tar", "wrong");
  put("short.tar", "who");
  put("unknown.tar", "unknown");
  put("good.tar.__download__", "go");
  put("good.tar._checksum_failure_.abc123", "bad");
  put(".good.tar.portage_lockfile", "");
  put("with\nline feed", "x");
  put("git3-src/repo/HEAD", "ref");
  mkdirSync(folder.file("distdir/folder.tar"));
  symlinkSync("good.tar", folder.file("distdir/linked.tar"));
  symlinkSync("nowhere", folder.file("distdir/dangling"));
  execFileSync("mkfifo", [folder.file("distdir/pipe.tar")]);
  utimesSync(folder.file("distdir/good.tar"), 1e9, 1e9);
  const before = snapshot(folder.file("distdir"));
  const report = await importAll();
  expect([report.adopted, report.adopted_bytes, report.present]).toEqual([3, 5_000_007, 0]);
  expect(skippedBy(report)).toEqual({
    unknown: ["unknown.tar"],
    size: ["short.tar (expected 5 bytes, found 3 bytes)"],
    digest: [`other.tar (expected BLAKE2B ${blake2b("right")}, found BLAKE2B ${blake2b("wrong")})`],
    "no-hash": ["bare.tar"],
    portage: [".good.tar.portage_lockfile", "good.tar.__download__", "good.tar._checksum_failure_.abc123"],
    name: ["with\nline feed"],
    folder: ["folder.tar", "git3-src"],
    link: ["dangling", "linked.tar"],
    special: ["pipe.tar"],
  });
  expect(report.scanned).toBe(3 + 13);
  expect(snapshot(folder.file("distdir"))).toEqual(before);
  // The copy is independent, readable by all, and has the original's time.
  const { nlink, ino, mode, mtimeMs } = statSync(pathOf("good.tar"));
  expect([nlink, mode & 0o777, mtimeMs]).toEqual([1, 0o644, 1e12]);
  expect(ino).not.toBe(statSync(folder.file("distdir/good.tar")).ino);
  for (const [name, content] of [
    ["good.tar", "good"],
    ["old.tar", "old"],
    ["large.tar", readContent(large)],
  ] as const) {
    const answer = await get(name);
    expect([name, answer.headers.get("cache-status")]).toEqual([name, "portcache; hit"]);
    expect(Buffer.compare(Buffer.from(await answer.bytes()), Buffer.from(content))).toBe(0);
  }
  expect(readdirSync(folder.file("store/partial"))).toEqual([]);
});

test("a second import skips what is present and imports what is new", async () => {
  repository.put("app-misc/a", { dist: { "a.tar": "a", "b.tar": "b" } });
  put("a.tar", "a");
  expect(await importAll()).toMatchObject({ adopted: 1, present: 0 });
  const { ino } = statSync(pathOf("a.tar"));
  put("b.tar", "b");
  const seen: Progress[] = [];
  expect(await importAll((progress) => seen.push(progress))).toMatchObject({ adopted: 1, present: 1, skipped: [] });
  expect(seen.at(-1)).toMatchObject({ done: 2, total: 2, bytes: 1 });
  expect(statSync(pathOf("a.tar")).ino).toBe(ino);
});

test("a stored file that was damaged is replaced", async () => {
  repository.put("app-misc/a", { dist: { "a.tar": "good" } });
  put("a.tar", "good");
  await importAll();
  writeFileSync(pathOf("a.tar"), "evil");
  expect(await importAll()).toMatchObject({ adopted: 1, present: 0 });
  expect(readFileSync(pathOf("a.tar"), "utf8")).toBe("good");
});

test("a mirror's folders are imported, up to two levels deep", async () => {
  repository.put("app-misc/a", { dist: { "a.tar": "a", "b.tar": "b", "c.tar": "c" } });
  put("1b/a.tar", "a");
  put("ab/cd/b.tar", "b");
  put("layout.conf", "[structure]\n");
  put("ab/cd/ef/c.tar", "c");
  const report = await importAll();
  expect([report.adopted, skippedBy(report)]).toEqual([2, { portage: ["layout.conf"], folder: ["ab/cd/ef"] }]);
});

test("if repositories disagree, the first one's content replaces the second's, and not the reverse", async () => {
  const second = writeRepository(folder.file("second"), { name: "second" });
  repository.put("app-misc/a", { dist: { "f.tar": "first" } });
  second.put("app-misc/b", { dist: { "f.tar": "other" } });
  await start({}, [repository.location, second.location]);
  put("f.tar", "other");
  expect(await importAll()).toMatchObject({ adopted: 1 });
  put("f.tar", "first");
  expect(await importAll()).toMatchObject({ adopted: 1 });
  put("f.tar", "other");
  // The folder has the second's content, the store the first's.
  const report = await importAll();
  expect([report.adopted, readFileSync(pathOf("f.tar"), "utf8")]).toEqual([0, "first"]);
});

test("files with RESTRICT=fetch are served once they were imported", async () => {
  const ebuild = { version: "1", srcUri: "by-hand-1.tar", restrict: "fetch" };
  repository.put("app-misc/by-hand", { dist: { "by-hand-1.tar": "bought" }, ebuilds: [ebuild] });
  await start();
  const refused = await get("by-hand-1.tar");
  expect([refused.status, await refused.text()]).toEqual([404, expect.stringContaining("portcache import FILE")]);
  put("by-hand-1.tar", "bought");
  await importAll();
  const answer = await get("by-hand-1.tar");
  expect([answer.status, await answer.text()]).toEqual([200, "bought"]);
});

test("a full store takes no more files, and the report lists those that did not fit", async () => {
  const content = (seed: number) => readContent({ size: 40_000, seed });
  repository.put("app-misc/a", { dist: Object.fromEntries([1, 2, 3, 4].map((i) => [`${i}.tar`, content(i)])) });
  for (const i of [1, 2, 3, 4]) put(`${i}.tar`, content(i));
  await start({ "storage.max_size": "100000", "storage.min_free": "0" });
  const report = await importAll();
  expect([report.adopted, report.skipped]).toEqual([2, [expect.objectContaining({ reason: "full", files: 2 })]]);
});

test("a single file is imported, also through a link; a wrong one is reported with both digests", async () => {
  repository.put("app-misc/a", { dist: { "a.tar": "a", "b.tar": "b" } });
  put("a.tar", "a");
  put("b.tar", "x");
  symlinkSync("a.tar", folder.file("distdir/linked.tar"));
  const { actions } = await start();
  const one = (name: string) => actions.import({ folder: folder.file(`distdir/${name}`) }, UNATTENDED);
  expect(await one("linked.tar")).toMatchObject({ scanned: 1, adopted: 1, present: 0, skipped: [] });
  expect(await one("a.tar")).toMatchObject({ scanned: 1, adopted: 0, present: 1 });
  const difference = `b.tar (expected BLAKE2B ${blake2b("b")}, found BLAKE2B ${blake2b("x")})`;
  expect(skippedBy(await one("b.tar"))).toEqual({ digest: [difference] });
});

test("a path that is neither is refused with a reason", async () => {
  await start();
  execFileSync("mkfifo", [folder.file("distdir/pipe")]);
  for (const [path, reason] of [
    [folder.file("none"), "no such file or directory"],
    [folder.file("distdir/pipe"), "neither a file nor a folder"],
  ] as const) {
    await expect(server?.actions.import({ folder: path }, UNATTENDED)).rejects.toThrow(reason);
  }
});

test("an aborted import stops, and the files imported by then stay", async () => {
  const names = Array.from({ length: 2_000 }, (_, i) => `f-${i}.tar`);
  repository.put("app-misc/a", { dist: Object.fromEntries(names.map((name) => [name, name])) });
  for (const name of names) put(name, name);
  const { actions } = await start();
  const stopping = new AbortController();
  const run = {
    signal: stopping.signal,
    onProgress: ({ done }: Progress) => done >= 50 && stopping.abort(new Error("enough")),
  };
  // expect().rejects runs the event loop itself, inside the message that reports the end of the scan.
  const outcome = await actions.import({ folder: folder.file("distdir") }, run).catch(({ message }: Error) => message);
  expect(outcome).toBe("enough");
  const { adopted, present } = await importAll();
  expect(present).toBeGreaterThanOrEqual(50);
  expect(adopted + present).toBe(2_000);
});
