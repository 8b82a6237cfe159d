/**
 * Sends a whole server what others may send at full length and with all characters: none holds up the event loop, and people see
 * little of it, with every character visible.
 */

import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import { createServer, type Server, type Socket } from "node:net";
import { visible } from "../lib/text.ts";
import { readContent } from "../testing/content.ts";
import { startProcessorTime } from "../testing/processor-time.ts";
import { writeRepository } from "../testing/repository.ts";
import { startServer, type TestServer } from "../testing/server.ts";
import { untilStored } from "../testing/stored.ts";
import { createTempFolder } from "../testing/temp.ts";

const FILE = { size: 300_000, seed: 5 };
const LONG_URI = `http://h/${"a.".repeat(75_000)}`;

const folder = createTempFolder();
let mirror: Server;
let server: TestServer;
/** Answers the request with this head; undefined answers nothing. */
let answer: (head: string) => Promise<string | Uint8Array>;

async function onRequest(socket: Socket, head: string): Promise<void> {
  const isLayout = head.includes("/layout.conf");
  socket.end(isLayout ? "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n" : await answer(head));
}

function whole(extra = ""): Uint8Array {
  const head = `HTTP/1.1 200 OK\r\ncontent-length: ${FILE.size}\r\nconnection: close\r\n${extra}\r\n`;
  return Buffer.concat([Buffer.from(head), readContent(FILE)]);
}

beforeAll(async () => {
  mirror = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.once("data", (bytes) => void onRequest(socket, bytes.toString("latin1")));
  });
  await new Promise<void>((resolve) => void mirror.listen(0, "127.0.0.1", resolve));
  const address = mirror.address();
  const port = typeof address === "object" ? address?.port : 0;
  const repository = writeRepository(folder.file("repository"));
  const names = ["hit.zip", "loop.zip", "head.zip", "twice.zip"];
  repository.put("app-misc/some", { dist: Object.fromEntries(names.map((name) => [name, FILE])) });
  repository.put("app-misc/long", {
    dist: { "long.zip": FILE },
    ebuilds: [{ version: "1", srcUri: `${LONG_URI} -> long.zip ftp://h/${"a.".repeat(2000)} -> long.zip` }],
  });
  server = await startServer({
    location: folder.file("store"),
    mirrors: [`http://127.0.0.1:${port}`],
    repos: [repository.location],
  });
  await server.settled;
});

afterAll(async () => {
  await server.stop();
  mirror.close();
  folder.remove();
});

beforeEach(() => {
  answer = async () => whole();
});

const get = (name: string, headers: Record<string, string> = {}) =>
  fetch(`${server.url}/distfiles/${name}`, { headers, decompress: false });

/** Returns the milliseconds of processor time that this process, server included, takes for the work. */
async function processorMs(work: () => Promise<unknown>): Promise<number> {
  const tookMs = startProcessorTime();
  await work();
  return tookMs();
}

test("a Range with thousands of blanks costs no more than any other", async () => {
  await (await get("hit.zip")).bytes();
  await untilStored(`${server.url}/distfiles/hit.zip`);
  const range = `bytes=0-${" ".repeat(15_000)}x`;
  const ms = await processorMs(async () => {
    for (let i = 0; i < 10; i++) expect((await (await get("hit.zip", { range })).bytes()).length).toBe(FILE.size);
  });
  expect(ms).toBeLessThan(1000);
});

test("a URI of 150,000 characters is no source, and costs no time", async () => {
  answer = async () => "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n";
  const ms = await processorMs(async () => {
    const response = await get("long.zip");
    expect([response.status, (await response.text()).length < 1000]).toEqual([404, true]);
  });
  expect(ms).toBeLessThan(1000);
});

test("header fields of a megabyte are in no answer, and neither are invisible characters", async () => {
  const long = "y".repeat(1_000_000);
  answer = async (head) =>
    head.includes("head.zip")
      ? whole(`x-long: ${long}\r\n`)
      : `HTTP/1.1 302 Found\r\nlocation: ftp://${long}\r\ncontent-length: 0\r\n\r\n`;
  const right = await get("head.zip");
  expect([right.status, (await right.bytes()).length]).toEqual([200, FILE.size]);
  const wrong = await get("unknown-a\u202eb.zip");
  const text = await wrong.text();
  expect([wrong.status, text.length < 1000]).toEqual([502, true]);
  expect(text.split("\n").map((line) => visible(line))).toEqual(text.split("\n"));
  const listed = await (await fetch(`${server.url}/api/v1/failures`)).text();
  expect([listed.length < 5000, visible(listed)]).toEqual([true, listed]);
  expect(listed).toContain("unknown-a\\u202eb.zip");
});

test("a length that is sent twice is one length", async () => {
  answer = async () => whole(`content-length: ${FILE.size}\r\n`);
  const response = await get("twice.zip");
  expect([response.status, (await response.bytes()).length]).toEqual([200, FILE.size]);
});

test("a client that joined a download which ends by another's loop tries for itself", async () => {
  let heads = 0;
  answer = async (head) => {
    heads++;
    await Bun.sleep(300);
    const isLoop = head.includes("portcache-aaaa");
    return isLoop ? "HTTP/1.1 508 Loop Detected\r\ncontent-length: 0\r\n\r\n" : whole();
  };
  const looping = get("loop.zip", { via: "1.1 portcache-aaaa" });
  await Bun.sleep(100);
  const joining = await Promise.all([1, 2, 3].map(() => get("loop.zip", { "cdn-loop": "Fastly" })));
  expect((await looping).status).toBe(502);
  expect(joining.map(({ status }) => status)).toEqual([200, 200, 200]);
  for (const response of joining) expect((await response.bytes()).length).toBe(FILE.size);
  // One source is asked a second time after a failure that may pass.
  expect(heads).toBeLessThan(4);
});
