/**
 * Fetches a large file from a source that misunderstands ranges, or refuses them: where nobody else has the file, it comes as a whole.
 */
import { expect, test } from "bun:test";
import { type Content, readContent } from "../testing/content.ts";
import { writeRepository } from "../testing/repository.ts";
import { startServer } from "../testing/server.ts";
import { createTempFolder } from "../testing/temp.ts";

const SIZE = 9 * 1024 * 1024;
const file: Content = { size: SIZE, seed: 7 };
const bytes = Buffer.from(readContent(file));

type Answer = (first: number, last: number) => Response;
const range = (first: number, last: number) => bytes.subarray(first, last + 1);
const partial = (body: Buffer | string, fields: Record<string, string>) =>
  new Response(body, { status: 206, headers: fields });

const answers: readonly (readonly [what: string, Answer])[] = [
  [
    "parts of several ranges",
    (first, last) =>
      partial(`--X\r\n\r\n${range(first, last).length}`, { "content-type": "multipart/byteranges; boundary=X" }),
  ],
  ["no Content-Range", (first, last) => partial(range(first, last), {})],
  ["an unsatisfied Content-Range", () => partial("", { "content-range": `bytes */${SIZE}` })],
  [
    "fewer bytes than requested",
    (first) => partial(range(first, first + 99), { "content-range": `bytes ${first}-${first + 99}/${SIZE}` }),
  ],
  [
    "a Content-Range in the form of Range",
    (first, last) => partial(range(first, last), { "content-range": `bytes=${first}-${last}/${SIZE}` }),
  ],
  ["416", () => new Response(null, { status: 416 })],
  ["400", () => new Response(null, { status: 400 })],
  ["501", () => new Response(null, { status: 501 })],
  ["the whole file", () => new Response(bytes)],
];

for (const [i, [what, answer]] of answers.entries()) {
  test(`a source that answers ranges with ${what} delivers a file, also after its first transfer broke off`, async () => {
    const folder = createTempFolder();
    let broken = false;
    const mirror = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      fetch(request) {
        const { pathname } = new URL(request.url);
        if (!pathname.endsWith(".zip")) return new Response(null, { status: 404 });
        const asked = /^bytes=(\d+)-(\d*)$/.exec(request.headers.get("range") ?? "");
        if (asked) return answer(Number(asked[1]), asked[2] ? Number(asked[2]) : SIZE - 1);
        if (broken || !pathname.includes("broken")) return new Response(bytes);
        broken = true;
        const half = new ReadableStream({
          start(controller) {
            controller.enqueue(bytes.subarray(0, SIZE / 2));
          },
          pull(controller) {
            controller.error(undefined);
          },
        });
        return new Response(half);
      },
    });
    const dist = { [`whole-${i}.zip`]: file, [`broken-${i}.zip`]: file };
    writeRepository(folder.file("repository")).put("app-misc/files", { dist });
    const base = `http://127.0.0.1:${mirror.port}`;
    const server = await startServer({
      location: folder.file("store"),
      // The other one is why segments are requested.
      mirrors: [base, "http://127.0.0.1:1"],
      repos: [folder.file("repository")],
      settings: { "fetcher.read_ahead": "0", "fetcher.strategy": "ordered" },
    });
    try {
      await server.settled;
      for (const name of Object.keys(dist)) {
        const response = await fetch(`${server.url}/distfiles/${name}`);
        const body = await response.bytes();
        const is = bytes.equals(body) ? "the file" : Buffer.from(body).toString("latin1", 0, 500);
        expect([name, response.status, is]).toEqual([name, 200, "the file"]);
      }
    } finally {
      await server.stop();
      await mirror.stop(true);
      folder.remove();
    }
  }, 20_000);
}
