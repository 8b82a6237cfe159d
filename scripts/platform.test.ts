/**
 * Checks facts about Bun that the design relies on (docs/platform.md). If an upgrade changes one, a test fails and the design can
 * follow; some of them are faults of Bun, and a failing test is good news.
 */
import { afterAll, expect, test } from "bun:test";
import { unlinkSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { readContent } from "../src/testing/content.ts";
import { startFakeUpstream } from "../src/testing/fake-upstream.ts";
import { createTempFolder } from "../src/testing/temp.ts";

const folder = createTempFolder();
const CONTENT = { size: 3_000_000, seed: 1 };
await Bun.write(folder.file("data"), readContent(CONTENT));

/** Streams ten bytes at a time with pauses, as a download does. */
function pulled(pull: (controller: ReadableStreamDefaultController, call: number) => void): Response {
  let call = 0;
  const stream = new ReadableStream(
    {
      async pull(controller) {
        await Bun.sleep(10);
        pull(controller, call++);
      },
    },
    { highWaterMark: 0 },
  );
  return new Response(stream, { headers: { "Content-Length": "20" } });
}

const server = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  // Otherwise an error in a stream would be printed.
  development: false,
  fetch(request) {
    switch (new URL(request.url).pathname) {
      case "/stream":
        return pulled((controller, call) => (call < 2 ? controller.enqueue("0123456789") : controller.close()));
      case "/throws":
        return pulled((controller, call) => {
          if (call > 0) throw new Error("broken off");
          controller.enqueue("0123456789");
        });
      case "/closes":
        return pulled((controller, call) => (call < 1 ? controller.enqueue("0123456789") : controller.close()));
      case "/unlinked":
        setImmediate(() => unlinkSync(folder.file("unlinked")));
        return new Response(Bun.file(folder.file("unlinked")), { headers: { "Content-Disposition": "x" } });
      default:
        return new Response(Bun.file(folder.file("data")), { headers: { ETag: '"e"', "Content-Disposition": "x" } });
    }
  },
});

afterAll(async () => {
  await server.stop(true);
  folder.remove();
});

async function curl(path: string, ...args: string[]): Promise<{ exit: number; body: Buffer; head: string }> {
  const command = ["curl", "-sS", "--max-time", "4", "-D", folder.file("head"), ...args, `${server.url.origin}${path}`];
  const child = Bun.spawn(command, { stdout: "pipe", stderr: "ignore" });
  const [body, exit] = await Promise.all([child.stdout.bytes(), child.exited]);
  return { exit, body: Buffer.from(body), head: (await Bun.file(folder.file("head")).text()).toLowerCase() };
}

test("a streamed body loses its Content-Length and is sent in chunks", async () => {
  const { exit, body, head } = await curl("/stream");
  expect([exit, body.toString()]).toEqual([0, "01234567890123456789"]);
  expect(head).toContain("transfer-encoding: chunked");
  expect(head).not.toContain("content-length");
});

test("an error in a stream resets the connection, but a stream closed early looks complete", async () => {
  const thrown = await curl("/throws");
  expect([thrown.exit, thrown.body.toString()]).toEqual([56, "0123456789"]);
  const closed = await curl("/closes");
  expect([closed.exit, closed.body.toString()]).toEqual([0, "0123456789"]);
});

test("a file as a body honours Range and If-Range", async () => {
  const range = ["-H", "Range: bytes=2000000-2000009"];
  for (const more of [[], ["-H", 'If-Range: "e"']]) {
    const { head, body } = await curl("/file", ...range, ...more);
    expect(head).toStartWith("http/1.1 206");
    expect(head).toContain("content-range: bytes 2000000-2000009/3000000");
    expect(Buffer.compare(body, readContent(CONTENT, 2_000_000, 2_000_010))).toBe(0);
  }
  const other = await curl("/file", ...range, "-H", 'If-Range: "other"');
  expect(other.head).toStartWith("http/1.1 200");
  expect(other.body.length).toBe(CONTENT.size);
  const beyond = await curl("/file", "-H", "Range: bytes=3000000-");
  expect(beyond.head).toStartWith("http/1.1 416");
  expect(beyond.head).toContain("content-range: bytes */3000000");
});

test("fetch leaves a gzip body compressed only with decompress: false", async () => {
  const text = "hello ".repeat(1000);
  await using upstream = await startFakeUpstream({ files: new Map([["f", text]]) });
  upstream.setFault("f", { kind: "gzip" });
  const url = `${upstream.url}/distfiles/f`;
  expect(Buffer.compare(await (await fetch(url, { decompress: false })).bytes(), gzipSync(text))).toBe(0);
  expect(await (await fetch(url)).text()).toBe(text);
});

test("fetch fails if a body is shorter than its length", async () => {
  await using upstream = await startFakeUpstream({ files: new Map([["f", CONTENT]]) });
  for (const framing of ["length", "chunked"] as const) {
    const cut = { kind: "close", at: 1_000_000 } as const;
    upstream.setFault("f", ...(framing === "chunked" ? ([{ kind: framing }, cut] as const) : [cut]));
    const body = fetch(`${upstream.url}/distfiles/f`).then((answer) => answer.bytes());
    await expect(body).rejects.toMatchObject({ code: "ECONNRESET" });
  }
});

test("a file that is unlinked right after the response was returned is sent completely", async () => {
  for (const size of [1000, 3_000_000]) {
    const content = { size, seed: 2 };
    await Bun.write(folder.file("unlinked"), readContent(content));
    const { exit, body } = await curl("/unlinked");
    expect([exit, Buffer.compare(body, readContent(content))]).toEqual([0, 0]);
  }
});
