/**
 * Fetches files of a Manifest from a server that is not strict about HTTP: what wget takes is taken, as the hash decides.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { createServer, type Server } from "node:net";
import { writeRepository } from "../testing/repository.ts";
import { startServer, type TestServer } from "../testing/server.ts";
import { createTempFolder } from "../testing/temp.ts";

const BODY = "the file, all of it\n";
const LENGTH = `Content-Length: ${BODY.length}\r\n`;
const chunks = (end: string) =>
  `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${BODY.length.toString(16)}\r\n${BODY}\r\n${end}`;

/** Responses, whose connection ends after them. */
const RESPONSES: Readonly<Record<string, string>> = {
  "201": `HTTP/1.1 201 Created\r\n${LENGTH}\r\n${BODY}`,
  "202": `HTTP/1.1 202 Accepted\r\n${LENGTH}\r\n${BODY}`,
  "226": `HTTP/1.1 226 IM Used\r\n${LENGTH}\r\n${BODY}`,
  "300 without Location": `HTTP/1.1 300 Choices\r\n${LENGTH}\r\n${BODY}`,
  "206 without Content-Range": `HTTP/1.1 206 Partial Content\r\n${LENGTH}\r\n${BODY}`,
  "206 of unknown size": `HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-19/*\r\n${LENGTH}\r\n${BODY}`,
  "no last chunk": chunks(""),
  "half of the last chunk": chunks("0\r\n"),
  "HTTP/1.0 without a length": `HTTP/1.0 200 OK\r\n\r\n${BODY}`,
  "a length that is no number": `HTTP/1.1 200 OK\r\nContent-Length: unknown\r\n\r\n${BODY}`,
  "no version": `HTTP 200 OK\r\n${LENGTH}\r\n${BODY}`,
};
const names = Object.keys(RESPONSES).map((_, i) => `file-${i}.zip`);

const folder = createTempFolder();
let upstream: Server;
let server: TestServer;

beforeAll(async () => {
  upstream = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.once("data", (data) => {
      const name = / \/(\S+) /.exec(data.toString())?.[1] ?? "";
      socket.end(
        Object.values(RESPONSES)[names.indexOf(name)] ?? "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
      );
    });
  });
  await new Promise<void>((resolve) => upstream.listen(0, "127.0.0.1", resolve));
  const address = upstream.address();
  const origin = `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}`;
  const repository = writeRepository(folder.file("gentoo"));
  for (const [i, name] of names.entries()) {
    repository.put(`app-misc/odd-${i}`, {
      dist: { [name]: BODY },
      ebuilds: [{ version: "1", srcUri: `${origin}/${name}` }],
    });
  }
  server = await startServer({
    location: folder.file("store"),
    mirrors: [],
    repos: [repository.location],
    settings: { "fetcher.private_networks": "true" },
  });
});
afterAll(async () => {
  await server.stop();
  upstream.close();
  folder.remove();
});

for (const [i, what] of Object.keys(RESPONSES).entries()) {
  test(`a file sent with ${what} is taken`, async () => {
    const response = await fetch(`${server.url}/distfiles/${names[i]}`);
    expect([response.status, await response.text()]).toEqual([200, BODY]);
  });
}
