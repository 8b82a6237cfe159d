/**
 * Checks over real sockets what a hostile page or client cannot do to the API: run actions, read under a rebound name, send endless
 * bodies, or inject script by a file's name.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { connect } from "node:net";
import * as v from "valibot";
import { ProblemSchema } from "../api/schemas.ts";
import { writeRepository } from "../testing/repository.ts";
import { startServer, type TestServer } from "../testing/server.ts";
import { createTempFolder, type TempFolder } from "../testing/temp.ts";

const token = "correct-horse-battery";

let folder: TempFolder;
let server: TestServer;

beforeAll(async () => {
  folder = createTempFolder();
  const repository = writeRepository(folder.file("repository"));
  repository.put("app-misc/one", { dist: { "one.zip": { size: 5, seed: 1 } } });
  server = await startServer({
    location: folder.file("store"),
    mirrors: ["http://127.0.0.1:1"],
    repos: [repository.location],
    settings: { "server.admin_token": token, "fetcher.unknown": "deny" },
  });
  await server.settled;
});

afterAll(async () => {
  await server.stop();
  folder.remove();
});

/** Sends bytes and returns the first response. */
async function send(text: string): Promise<{ readonly status: number; readonly head: string; readonly body: string }> {
  const socket = connect(Number(new URL(server.url).port), "127.0.0.1");
  let received = "";
  socket.on("data", (bytes) => {
    received += bytes.toString("latin1");
  });
  socket.on("error", () => undefined);
  socket.write(text);
  const deadline = Date.now() + 5_000;
  while (!received.includes("\r\n\r\n") && Date.now() < deadline) await Bun.sleep(5);
  await Bun.sleep(30);
  socket.destroy();
  const [head = "", body = ""] = received.split("\r\n\r\n", 2);
  return { status: Number(head.split(" ")[1]), head: head.toLowerCase(), body };
}

function post(
  headers: Record<string, string>,
  body = "{}",
  path = "/api/v1/rescan",
): Promise<Awaited<ReturnType<typeof send>>> {
  const all: Record<string, string> = {
    host: new URL(server.url).host,
    "content-type": "application/json",
    authorization: `Bearer ${token}`,
    "content-length": String(Buffer.byteLength(body)),
    ...headers,
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return send(`POST ${path} HTTP/1.1\r\n${lines.join("")}\r\n${body}`);
}

test("an action with the token runs; without it, and cross-site even with it, none does", async () => {
  expect((await post({})).status).toBe(200);
  for (const [headers, status] of [
    [{ authorization: "" }, 401],
    [{ authorization: "Bearer wrong" }, 401],
    [{ origin: "http://evil.example.com" }, 403],
    [{ origin: "null" }, 403],
    [{ "sec-fetch-site": "cross-site" }, 403],
    [{ host: "evil.example.com", origin: "http://evil.example.com" }, 421],
    [{ "content-type": "text/plain" }, 415],
  ] as const) {
    const { status: got, head, body } = await post(headers);
    expect([headers, got]).toEqual([headers, status]);
    expect(head).toContain("content-type: application/problem+json");
    expect(head).not.toContain("access-control-allow");
    expect(v.parse(ProblemSchema, JSON.parse(body)).detail).not.toContain(token);
  }
});

test("wrong tokens are slowed down, and the right one is not", async () => {
  const guesses = Array.from({ length: 20 }, (_, i) => post({ authorization: `Bearer wrong${i}` }));
  const startedAt = performance.now();
  expect((await post({})).status).toBe(200);
  expect(performance.now() - startedAt).toBeLessThan(1500);
  expect(new Set((await Promise.all(guesses)).map(({ status }) => status))).toEqual(new Set([401]));
  expect(performance.now() - startedAt).toBeGreaterThan(1500);
});

test("a preflight is not granted, and GET changes nothing", async () => {
  const preflight = await fetch(`${server.url}/api/v1/clean`, {
    method: "OPTIONS",
    headers: { origin: "http://evil.example.com", "access-control-request-method": "POST" },
  });
  expect([preflight.ok, preflight.headers.get("access-control-allow-origin")]).toEqual([false, null]);
  expect((await fetch(`${server.url}/api/v1/clean`)).status).toBe(405);
});

test("under a foreign host name the API reveals nothing (DNS rebinding)", async () => {
  for (const path of ["/status", "/clients", "/files/one.zip", "/events", "/openapi.json"]) {
    const { status, body } = await send(`GET /api/v1${path} HTTP/1.1\r\nHost: evil.example.com:8000\r\n\r\n`);
    expect([path, status]).toEqual([path, 421]);
    expect(JSON.parse(body).detail).toContain("[server] hostnames");
  }
  // Files are public, and clients may request them under any name.
  expect((await send("HEAD /distfiles/layout.conf HTTP/1.1\r\nHost: evil.example.com\r\n\r\nx")).status).toBe(200);
});

test("a request without a host is answered like any other", async () => {
  for (const [target, text] of [
    ["status", '"version"'],
    ["history?points=1", '"points"'],
    ["files/one.zip", '"listed"'],
  ] as const) {
    for (const version of ["1.0\r\n", "1.1\r\nHost:\r\n"]) {
      const { status, body } = await send(`GET /api/v1/${target} HTTP/${version}\r\n`);
      expect([target, status]).toEqual([target, 200]);
      expect(body).toContain(text);
    }
  }
});

test("an endless body is refused before it is read", async () => {
  const announced = await post({ "content-length": String(1024 ** 3) }, "{");
  expect(announced.status).toBe(413);
  const endless = `{"x":"${"x".repeat(9 * 1024 * 1024)}"}`;
  expect((await post({}, endless)).status).toBe(413);
});

test("bodies that are not JSON or do not match the schema are refused", async () => {
  for (const [body, status] of [
    ["{", 400],
    ["7", 422],
    ["[]", 422],
    ['{"full":"yes"}', 422],
    ['{"unknown":1}', 422],
    ['{"__proto__":{"full":true}}', 422],
  ] as const) {
    expect([body, (await post({}, body)).status]).toEqual([body, status]);
  }
});

test("script in a file's name is never returned as something that a browser runs", async () => {
  const name = '"><script>alert(1)</script>';
  const response = await fetch(`${server.url}/api/v1/files/${encodeURIComponent(name)}`);
  // A slash is no part of a name.
  expect([response.status, response.headers.get("content-type")]).toEqual([400, "application/problem+json"]);
  const harmless = await fetch(`${server.url}/api/v1/files/${encodeURIComponent("<img src=x onerror=alert(1)>")}`);
  expect([
    harmless.status,
    harmless.headers.get("content-type"),
    harmless.headers.get("x-content-type-options"),
  ]).toEqual([200, "application/json", "nosniff"]);
  const page = await fetch(`${server.url}/distfiles/${encodeURIComponent("<script>alert(1)<x>")}`);
  expect([page.status, page.headers.get("content-type")]).toEqual([404, "text/plain; charset=utf-8"]);
});
