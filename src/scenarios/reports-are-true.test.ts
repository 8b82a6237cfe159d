/**
 * Compares what the API, the statistics and the reports of actions say with what has happened.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { appendFileSync, rmSync } from "node:fs";
import * as v from "valibot";
import { type FileDetails, FileDetailsSchema } from "../api/file-schemas.ts";
import { type Status, StatusSchema } from "../api/schemas.ts";
import type { Content } from "../testing/content.ts";
import { type FakeUpstream, startFakeUpstream } from "../testing/fake-upstream.ts";
import { writeRepository } from "../testing/repository.ts";
import { startServer, type TestServer } from "../testing/server.ts";
import { distfilePath, untilStored } from "../testing/stored.ts";
import { createTempFolder, type TempFolder } from "../testing/temp.ts";

const MIB = 1024 * 1024;
const dist: Record<string, Content> = {
  "one.zip": { size: 200_000, seed: 1 },
  "two.zip": { size: 100_000, seed: 2 },
  "segments.zip": { size: 9 * MIB, seed: 3 },
  "huge.zip": { size: 21 * MIB, seed: 4 },
  "later.zip": { size: 1000, seed: 5 },
};

let folder: TempFolder;
let mirrors: FakeUpstream[];
let server: TestServer;

beforeAll(async () => {
  folder = createTempFolder();
  writeRepository(folder.file("repository")).put("app-misc/files", { dist });
  const start = () => startFakeUpstream({ files: new Map(Object.entries(dist)) });
  mirrors = [await start(), await start()];
  server = await startServer({
    location: folder.file("store"),
    mirrors: mirrors.map(({ url }) => url),
    repos: [folder.file("repository")],
    settings: { "fetcher.read_ahead": "0", "storage.max_size": "20MiB", "server.admin_token": "t" },
  });
  await server.settled;
});
afterAll(async () => {
  await server.stop();
  for (const mirror of mirrors) await mirror.close();
  folder.remove();
});

async function get(name: string, init: RequestInit = {}): Promise<Response> {
  const response = await fetch(`${server.url}/distfiles/${name}`, init);
  await response.bytes();
  return response;
}

async function post(action: string, request: unknown): Promise<unknown> {
  const headers = { authorization: "Bearer t", "content-type": "application/json" };
  const response = await fetch(`${server.url}/api/v1/${action}`, {
    method: "POST",
    headers,
    body: JSON.stringify(request),
  });
  return JSON.parse((await response.text()).trim().split("\n").at(-1) ?? "");
}

async function details(name: string): Promise<FileDetails> {
  return v.parse(FileDetailsSchema, await (await fetch(`${server.url}/api/v1/files/${name}`)).json());
}

async function counts(): Promise<Status["since_start"]> {
  return v.parse(StatusSchema, await (await fetch(`${server.url}/api/v1/status`)).json()).since_start;
}

test("the hit ratio counts requests that got a file: no HEAD, and no range that is not there", async () => {
  await get("one.zip", { method: "HEAD" });
  const etag = (await get("one.zip")).headers.get("etag") ?? "";
  await get("one.zip", { method: "HEAD" });
  expect((await get("one.zip", { headers: { range: "bytes=200000-" } })).status).toBe(416);
  expect((await get("one.zip", { headers: { "if-match": '"another"' } })).status).toBe(412);
  expect(await counts()).toMatchObject({ requests: 5, hits: 0, misses: 1, bytes_sent: 200_000, hit_ratio: 0 });
  expect((await get("one.zip", { headers: { range: "bytes=0-99" } })).status).toBe(206);
  expect((await get("one.zip", { headers: { "if-none-match": etag } })).status).toBe(304);
  expect(await counts()).toMatchObject({ requests: 7, hits: 2, misses: 1, bytes_sent: 200_100, bytes_saved: 100 });
});

test("a large file names its source and keeps upstream's Last-Modified", async () => {
  const sent = await get("segments.zip");
  expect(sent.headers.get("last-modified")).not.toBeNull();
  for (let i = 0; i < 100 && (await details("segments.zip")).stored === null; i++) await Bun.sleep(20);
  const { stored } = await details("segments.zip");
  expect(mirrors.map(({ url }) => `${url}/`).some((url) => stored?.source?.startsWith(url))).toBe(true);
  expect(new Date(stored?.last_modified_at ?? 0).toUTCString()).toBe(sent.headers.get("last-modified") ?? "");
});

test("a file that is not stored is said to be so for the reason that holds", async () => {
  expect((await details("later.zip")).summary).toBe("Not stored: no download of it is remembered.");
  expect((await get("huge.zip")).headers.get("cache-status")).toBe("portcache; fwd=uri-miss");
  await Bun.sleep(100);
  expect((await details("huge.zip")).summary).toBe(
    "Not stored: the last download was sent to its clients without being stored.",
  );
  await get("two.zip");
  await untilStored(server.url + distfilePath("two.zip"));
  expect((await details("two.zip")).summary).toBe("Stored, and its digest matches the Manifest.");
  expect(await post("drop", { names: ["two.zip"] })).toMatchObject({ files: 1, bytes: 100_000, absent: [] });
  expect((await details("two.zip")).summary).toStartWith("Not stored: somebody had it removed at ");
  expect(await post("drop", { names: ["two.zip"] })).toMatchObject({ files: 0, bytes: 0, absent: ["two.zip"] });
});

test("verify counts the files that it has read, and a damaged file is called so", async () => {
  await get("two.zip");
  await untilStored(server.url + distfilePath("two.zip"));
  appendFileSync(`${folder.file("store")}/${distfilePath("one.zip")}`, "x");
  rmSync(`${folder.file("store")}/${distfilePath("two.zip")}`);
  expect(await post("verify", {})).toMatchObject({
    files: 2,
    bytes: 200_000 + 9 * MIB,
    missing: 1,
    bad: [{ name: "one.zip", outcome: "unrepaired" }],
  });
  const { stored, summary } = await details("one.zip");
  expect([stored?.verification, summary]).toEqual(["damaged", expect.stringContaining("changed on disk")]);
  expect((await get("one.zip")).headers.get("cache-status")).toBe("portcache; fwd=stale; stored");
  await untilStored(server.url + distfilePath("one.zip"));
  expect((await details("one.zip")).stored?.verification).toBe("verified");
});
