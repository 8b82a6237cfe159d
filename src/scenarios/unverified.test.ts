/**
 * Tests a mirror that fills the store with what no Manifest vouches for: bodies without end, or of a TiB, for unknown names and
 * snapshots. No verified file is lost to it, and nothing of it stays.
 */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, readdirSync, statSync } from "node:fs";
import { createServer, type Server } from "node:net";
import type { Content } from "../testing/content.ts";
import { type FakeUpstream, startFakeUpstream } from "../testing/fake-upstream.ts";
import { writeRepository } from "../testing/repository.ts";
import { startServer, type TestServer } from "../testing/server.ts";
import { distfilePath, untilStored } from "../testing/stored.ts";
import { createTempFolder, type TempFolder } from "../testing/temp.ts";

const KIB = 1024;
const MIB = 1024 * KIB;
const VERIFIED = 20;
const SIZE = 450 * KIB;
const dist: Record<string, Content> = {};
for (let i = 0; i < VERIFIED; i++) dist[`good-${i}.tar`] = { size: SIZE, seed: i + 1 };
/** A repository wants them, and no source has them. */
const missing = { "missing-1.tar": { size: 9 * MIB, seed: 1 }, "missing-2.tar": { size: 8 * MIB, seed: 2 } };

let folder: TempFolder;
let good: FakeUpstream;
let flood: Server;
let server: TestServer;
/** Header fields of the flood's answers. */
let fields: string;

/** Sends zeros until the client is gone. */
function startFlood(): Promise<Server> {
  const zeros = new Uint8Array(64 * KIB);
  const listener = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.once("data", (request) => {
      const isHead = request.toString("latin1").startsWith("HEAD ");
      if (/ \/distfiles\/layout\.conf /.test(request.toString("latin1"))) {
        socket.end("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        return;
      }
      const isChunked = fields.includes("chunked");
      socket.write(`HTTP/1.1 200 OK\r\n${fields}Connection: close\r\n\r\n`);
      if (isHead) {
        socket.end();
        return;
      }
      const send = () => {
        while (!socket.destroyed) {
          if (isChunked) socket.write("10000\r\n");
          socket.write(zeros);
          if (isChunked && !socket.write("\r\n")) break;
          if (!isChunked && socket.writableNeedDrain) break;
        }
      };
      socket.on("drain", send);
      send();
    });
  });
  return new Promise((resolve) => listener.listen(0, "127.0.0.1", () => resolve(listener)));
}

beforeEach(async () => {
  folder = createTempFolder();
  writeRepository(folder.file("repository")).put("app-misc/good", { dist: { ...dist, ...missing } });
  good = await startFakeUpstream({ files: new Map(Object.entries(dist)) });
  flood = await startFlood();
  const address = flood.address();
  const port = typeof address === "object" ? address?.port : undefined;
  server = await startServer({
    location: folder.file("store"),
    mirrors: [good.url, `http://127.0.0.1:${port}`],
    repos: [folder.file("repository")],
    settings: {
      "fetcher.strategy": "ordered",
      "fetcher.read_ahead": "0",
      "storage.max_size": "10MiB",
      "storage.min_free": "0",
    },
  });
  await server.settled;
  for (const name of Object.keys(dist)) {
    await (await fetch(`${server.url}/distfiles/${name}`)).bytes();
    await untilStored(`${server.url}/distfiles/${name}`);
  }
  expect(verified()).toBe(VERIFIED);
});
afterEach(async () => {
  await server.stop();
  await good.close();
  flood.close();
  folder.remove();
});

const verified = () =>
  Object.keys(dist).filter((name) => existsSync(folder.file(`store/${distfilePath(name)}`))).length;

/** Bytes of what is stored and no Manifest vouches for. */
function unverifiedBytes(): number {
  let bytes = 0;
  for (const top of ["distfiles", "snapshots"]) {
    if (!existsSync(folder.file(`store/${top}`))) continue;
    for (const entry of readdirSync(folder.file(`store/${top}`), { recursive: true, withFileTypes: true })) {
      const isOther = entry.isFile() && !entry.name.startsWith("good-") && entry.name !== "layout.conf";
      if (isOther) bytes += statSync(`${entry.parentPath}/${entry.name}`).size;
    }
  }
  return bytes;
}

/** Reads so much of a body, and leaves. */
async function readSome(path: string, bytes: number): Promise<number> {
  const leaving = new AbortController();
  const response = await fetch(`${server.url}${path}`, { signal: leaving.signal, decompress: false });
  let read = 0;
  for await (const piece of response.body ?? []) {
    read += piece.length;
    if (read >= bytes) break;
  }
  leaving.abort();
  return response.status === 200 ? read : 0;
}

async function untilNoParts(): Promise<readonly string[]> {
  const parts = () => readdirSync(folder.file("store/partial"));
  for (let i = 0; i < 200 && parts().length > 0; i++) await Bun.sleep(25);
  return parts();
}

const TIB = 2 ** 40;
const endless = "Transfer-Encoding: chunked\r\n";
const announced = `Content-Length: ${TIB}\r\n`;

for (const [label, given] of [
  ["without end", endless],
  ["without end, with a validator", `${endless}ETag: "a"\r\n`],
  ["of a TiB", announced],
  ["of a TiB, with a validator", `${announced}ETag: "a"\r\n`],
] as const) {
  test(`a body ${label} removes no verified file, and nothing of it stays`, async () => {
    fields = given;
    for (const path of ["/distfiles/junk.tar", "/snapshots/junk.tar"]) {
      const { status } = await fetch(`${server.url}${path}`, { method: "HEAD" });
      expect(status).toBe(200);
      expect(await readSome(path, 12 * MIB)).toBeGreaterThanOrEqual(12 * MIB);
      expect([verified(), unverifiedBytes(), await untilNoParts()]).toEqual([VERIFIED, 0, []]);
    }
  }, 60_000);
}

test("who asks for large files that no source has removes nothing", async () => {
  fields = `Content-Length: ${TIB}\r\n`;
  for (const name of Object.keys(missing)) {
    expect((await fetch(`${server.url}/distfiles/${name}`)).ok).toBe(false);
    expect(verified()).toBe(VERIFIED);
  }
  expect(await (await fetch(`${server.url}/healthz`)).text()).toBe("ok\n");
});

test("many files that no Manifest vouches for have their share together, and displace no verified file", async () => {
  fields = announced;
  for (let i = 0; i < 40; i++) {
    const path = i % 2 === 0 ? `other-${i}.tar` : `/snapshots/other-${i}.tar`;
    good.files.set(path, { size: 100 * KIB + i, seed: 100 + i });
    const response = await fetch(`${server.url}${i % 2 === 0 ? `/distfiles/${path}` : path}`);
    expect([response.status, (await response.bytes()).length]).toEqual([200, 100 * KIB + i]);
  }
  expect(verified()).toBe(VERIFIED);
  expect(unverifiedBytes()).toBeGreaterThan(500 * KIB);
  expect(unverifiedBytes()).toBeLessThanOrEqual(MIB);
  const large = { size: 2 * MIB, seed: 7 };
  good.files.set("large.tar", large);
  const response = await fetch(`${server.url}/distfiles/large.tar`);
  expect(response.headers.get("cache-status")).toBe("portcache; fwd=uri-miss");
  expect((await response.bytes()).length).toBe(large.size);
  expect([verified(), await untilNoParts()]).toEqual([VERIFIED, []]);
  expect(await (await fetch(`${server.url}/healthz`)).text()).toBe("ok\n");
});
