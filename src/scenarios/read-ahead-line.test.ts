/**
 * Reads ahead over a full line, through the whole server and a mirror behind a line of 2 MiB/s: the file that a client waits for comes
 * nearly as soon as alone.
 */
import { afterEach, expect, setDefaultTimeout, test } from "bun:test";
import { connect, createServer, type Socket } from "node:net";
import type { Content } from "../testing/content.ts";
import { startFakeUpstream } from "../testing/fake-upstream.ts";
import { writeRepository } from "../testing/repository.ts";
import { startServer } from "../testing/server.ts";
import { createTempFolder } from "../testing/temp.ts";

setDefaultTimeout(90_000);

const MIB = 1024 * 1024;
const STEP_MS = 5;
const closers: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

/** Starts a line to that port, which carries so many bytes in a second for all connections together, in turn. @returns its URL */
async function startLine(url: string, bytesPerSecond: number): Promise<string> {
  const sockets = new Set<Socket>();
  const queues = new Map<Socket, { readonly from: Socket; readonly chunks: Buffer[] }>();
  const line = createServer((client) => {
    const upstream = connect(Number(new URL(url).port), "127.0.0.1");
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on("error", () => undefined);
    }
    client.pipe(upstream);
    const queue = { from: upstream, chunks: [] as Buffer[] };
    queues.set(client, queue);
    upstream.on("data", (chunk) => {
      queue.chunks.push(Buffer.from(chunk));
      upstream.pause();
    });
    upstream.on("end", () => queue.chunks.push(Buffer.alloc(0)));
    client.on("close", () => {
      queues.delete(client);
      upstream.destroy();
    });
  });
  let allowed = 0;
  let before = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    allowed = Math.min(allowed + (bytesPerSecond * (now - before)) / 1000, bytesPerSecond / 10);
    before = now;
    for (let sent = true; sent && allowed > 0; ) {
      sent = false;
      for (const [client, { from, chunks }] of queues) {
        const [chunk] = chunks;
        // A client that takes nothing gets nothing: what it has not taken is in the buffers of its socket.
        if (!chunk || client.writableLength > 16 * 1024) continue;
        const piece = chunk.subarray(0, 4096);
        if (chunk.length === 0) client.end();
        else client.write(piece);
        if (chunk.length > piece.length) chunks[0] = chunk.subarray(piece.length);
        else chunks.shift();
        if (chunks.length === 0) from.resume();
        allowed -= piece.length;
        sent = true;
      }
    }
  }, STEP_MS);
  await new Promise<void>((resolve) => line.listen(0, "127.0.0.1", resolve));
  closers.push(() => {
    clearInterval(timer);
    for (const socket of sockets) socket.destroy();
    line.close();
  });
  const address = line.address();
  return `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}`;
}

async function millisecondsOf(readAhead: number): Promise<number> {
  const folder = createTempFolder();
  closers.push(() => folder.remove());
  const dist: Record<string, Content> = {
    "a.tar.xz": { size: 8 * MIB, seed: 1 },
    "b.tar.xz": { size: 8 * MIB, seed: 2 },
  };
  const repository = writeRepository(folder.file("repository"));
  const srcUri = Object.keys(dist)
    .map((name) => `http://127.0.0.1:9/${name}`)
    .join(" ");
  repository.put("app-misc/a", { dist, ebuilds: [{ version: "1", srcUri }] });
  const mirror = await startFakeUpstream({ files: new Map(Object.entries(dist)) });
  closers.push(mirror.close);
  const server = await startServer({
    location: folder.file("store"),
    mirrors: [await startLine(mirror.url, 2 * MIB)],
    repos: [repository.location],
    settings: { "fetcher.stall_timeout": "20s", "fetcher.read_ahead": String(readAhead) },
  });
  closers.push(server.stop);
  await server.settled;
  const startedAt = performance.now();
  const response = await fetch(`${server.url}/distfiles/a.tar.xz`);
  expect((await response.bytes()).length).toBe(8 * MIB);
  const ms = performance.now() - startedAt;
  // It is fetched, and whoever asks for it now waits for the rest of it alone.
  if (readAhead > 0) expect((await (await fetch(`${server.url}/distfiles/b.tar.xz`)).bytes()).length).toBe(8 * MIB);
  return ms;
}

test("of two files of one ebuild over a full line, the one that a client waits for comes nearly as soon as alone", async () => {
  const alone = await millisecondsOf(0);
  const beside = await millisecondsOf(8);
  expect(alone).toBeGreaterThan(3_500);
  expect(beside).toBeLessThan(1.15 * alone);
});
