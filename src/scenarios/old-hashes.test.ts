/**
 * Tests files of Manifests without BLAKE2B and SHA512: the strongest hash that can be computed decides, and a size alone never
 * makes a file verified. Also tests that misses and downloads count as uses.
 */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import type { FileDetails, FilesResponse, TopResponse } from "../api/file-schemas.ts";
import { standardFolder } from "../distfile/layout.ts";
import type { DistfileName } from "../distfile/name.ts";
import { type FakeUpstream, startFakeUpstream } from "../testing/fake-upstream.ts";
import { type TestRepository, writeRepository } from "../testing/repository.ts";
import { startServer, type TestServer } from "../testing/server.ts";
import { untilStored } from "../testing/stored.ts";
import { createTempFolder, type TempFolder } from "../testing/temp.ts";

const GOOD = "the right bytes of an old file";
const WRONG = "the wrong bytes of an old file";
const hex = (algorithm: string, text = GOOD) => createHash(algorithm).update(text).digest("hex");
const WHIRLPOOL = `WHIRLPOOL ${"ab".repeat(64)}`;
/** DIST lines by the name of their file. */
const LINES = {
  "sha256.tar": `SHA256 ${hex("sha256")} SHA1 ${"0".repeat(40)} ${WHIRLPOOL}`,
  "rmd160.tar": `RMD160 ${hex("ripemd160")} SHA1 ${"0".repeat(40)} MD5 ${"0".repeat(32)}`,
  "sha1.tar": `MD5 ${"0".repeat(32)} SHA1 ${hex("sha1")}`,
  "md5.tar": `MD5 ${hex("md5").toUpperCase()}`,
  "size.tar": WHIRLPOOL,
};
const NAMES = Object.keys(LINES);
const HASHED = NAMES.filter((name) => name !== "size.tar");

let folder: TempFolder;
let repository: TestRepository;
let good: FakeUpstream;
let bad: FakeUpstream;
let server: TestServer | undefined;

beforeEach(async () => {
  folder = createTempFolder();
  repository = writeRepository(folder.file("repository"));
  const lines = Object.entries(LINES).map(([name, hashes]) => `DIST ${name} ${GOOD.length} ${hashes}`);
  repository.put("app-misc/old", { lines });
  good = await startFakeUpstream({ files: new Map(NAMES.map((name) => [name, GOOD])) });
  bad = await startFakeUpstream({ files: new Map(NAMES.map((name) => [name, WRONG])) });
});

afterEach(async () => {
  await server?.stop();
  server = undefined;
  await Promise.all([good.close(), bad.close()]);
  folder.remove();
});

async function start(...mirrors: readonly FakeUpstream[]): Promise<TestServer> {
  await server?.stop();
  server = await startServer({
    location: folder.file("store"),
    mirrors: mirrors.map(({ url }) => url),
    repos: [repository.location],
    settings: { "fetcher.strategy": "ordered" },
  });
  await server.settled;
  return server;
}

const pathOf = (name: string) => folder.file(`store/distfiles/${standardFolder(name as DistfileName)}/${name}`);

async function detailsOf({ url }: TestServer, name: string): Promise<FileDetails> {
  return (await (await fetch(`${url}/api/v1/files/${name}`)).json()) as FileDetails;
}

async function verify({ actions }: TestServer, repair: boolean) {
  const options = { onProgress: () => undefined, signal: new AbortController().signal };
  return await actions.verify({ repair, bytes_per_second: 0 }, options);
}

test.each(HASHED)("a wrong %s of the right size is thrown away, and the right one verified", async (name) => {
  const first = await start(bad, good);
  expect(await (await fetch(`${first.url}/distfiles/${name}`)).text()).toBe(GOOD);
  await untilStored(`${server!.url}/distfiles/${name}`);
  expect((await detailsOf(first, name)).stored?.verification).toBe("verified");
  const listed = (await (await fetch(`${first.url}/api/v1/files`)).json()) as FilesResponse;
  expect(listed.files.map(({ verification }) => verification)).toEqual(["verified"]);
  const again = await fetch(`${first.url}/distfiles/${name}`);
  expect([again.headers.get("cache-status"), await again.text()]).toEqual(["portcache; hit", GOOD]);
});

test("only a wrong file of the right size is not to be had", async () => {
  const { url } = await start(bad);
  const answer = await fetch(`${url}/distfiles/sha256.tar`);
  expect(answer.status).toBe(502);
  expect(await answer.text()).toContain("does not match the hashes in the Manifest");
});

test("a file whose Manifest has no usable hash is stored as unverified, and says so everywhere", async () => {
  const first = await start(good);
  expect(await (await fetch(`${first.url}/distfiles/size.tar`)).text()).toBe(GOOD);
  await untilStored(`${server!.url}/distfiles/size.tar`);
  expect((await detailsOf(first, "size.tar")).stored?.verification).toBe("unverified");
  const listed = (await (await fetch(`${first.url}/api/v1/files`)).json()) as FilesResponse;
  expect(listed.files.map(({ verification }) => verification)).toEqual(["unverified"]);
  expect(await verify(first, false)).toMatchObject({ files: 1, bad: [], unverified: 1 });
  writeFileSync(pathOf("size.tar"), WRONG);
  const problem = "does not match the digest it was stored with";
  expect(await verify(first, false)).toMatchObject({ files: 1, bad: [{ name: "size.tar", problem }], unverified: 0 });
});

test("verify finds what does not match an old hash, and fetches it again", async () => {
  const first = await start(good);
  for (const name of HASHED) await (await fetch(`${first.url}/distfiles/${name}`)).text();
  for (const name of HASHED) await untilStored(`${server!.url}/distfiles/${name}`);
  expect(await verify(first, false)).toMatchObject({ files: HASHED.length, bad: [], unverified: 0 });
  writeFileSync(pathOf("sha256.tar"), WRONG);
  const report = await verify(first, true);
  expect(report.bad).toMatchObject([{ name: "sha256.tar", outcome: "refetched" }]);
  expect(readFileSync(pathOf("sha256.tar"), "utf8")).toBe(GOOD);
});

test("import takes good files by the hashes known of them, and refuses others", async () => {
  mkdirSync(folder.file("distdir"));
  for (const name of NAMES) writeFileSync(folder.file(`distdir/${name}`), name === "md5.tar" ? WRONG : GOOD);
  const { actions } = await start(good);
  const options = { onProgress: () => undefined, signal: new AbortController().signal };
  const report = await actions.import({ folder: folder.file("distdir") }, options);
  expect(report.adopted).toBe(HASHED.length - 1);
  expect(Object.fromEntries(report.skipped.map(({ reason, examples }) => [reason, examples]))).toEqual({
    digest: [expect.stringMatching(/^md5\.tar \(expected MD5 [0-9a-f]{32}, found MD5 [0-9a-f]{32}\)$/)],
    "no-hash": ["size.tar"],
  });
});

test("a stored file found without its row is compared by its old hash", async () => {
  const first = await start(good);
  await (await fetch(`${first.url}/distfiles/sha1.tar`)).text();
  await untilStored(`${server!.url}/distfiles/sha1.tar`);
  writeFileSync(pathOf("sha1.tar"), WRONG);
  const again = await fetch(`${first.url}/distfiles/sha1.tar`);
  expect(await again.text()).toBe(GOOD);
});

test("the client that caused a download, those that joined it, and hits all count as uses", async () => {
  const { url } = await start(good);
  await Promise.all([1, 2].map(async () => await (await fetch(`${url}/distfiles/sha256.tar`)).text()));
  await untilStored(`${server!.url}/distfiles/sha256.tar`);
  await (await fetch(`${url}/distfiles/sha1.tar`)).text();
  await untilStored(`${server!.url}/distfiles/sha1.tar`);
  await (await fetch(`${url}/distfiles/sha256.tar`, { method: "HEAD" })).text();
  const uses = async () => {
    const { files } = (await (await fetch(`${url}/api/v1/files`)).json()) as FilesResponse;
    return Object.fromEntries(files.map((file) => [file.name, file.uses]));
  };
  expect(await uses()).toEqual({ "sha256.tar": 2, "sha1.tar": 1 });
  await (await fetch(`${url}/distfiles/sha256.tar`)).text();
  expect(await uses()).toEqual({ "sha256.tar": 3, "sha1.tar": 1 });
  const top = (await (await fetch(`${url}/api/v1/top`)).json()) as TopResponse;
  expect(top.files.map(({ name, uses }) => [name, uses])).toEqual([
    ["sha256.tar", 3],
    ["sha1.tar", 1],
  ]);
});
