/**
 * Tests the upload of single files through the whole server: what a Manifest confirms is stored, and of anything else nothing stays.
 */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { readdirSync } from "node:fs";
import { connect } from "node:net";
import type { FileDetails } from "../api/file-schemas.ts";
import { type Content, readContent } from "../testing/content.ts";
import { type TestRepository, writeRepository } from "../testing/repository.ts";
import { startServer, type TestServer } from "../testing/server.ts";
import { createTempFolder, type TempFolder } from "../testing/temp.ts";

const TOKEN = "correct-horse";
const AUTHORIZED = { authorization: `Bearer ${TOKEN}` };
const LARGE = { size: 3_000_000, seed: 1 };

let folder: TempFolder;
let repository: TestRepository;
let server: TestServer;

beforeEach(async () => {
  folder = createTempFolder();
  repository = writeRepository(folder.file("repository"));
  const nofetch = `pkg_nofetch() {\n\teinfo "Get it at https://shop.test/register, or \${HOMEPAGE}"\n}\n`;
  const ebuild = {
    ...{ version: "1", srcUri: "https://shop.test/bought-1.tar", restrict: "fetch" },
    ...{ text: `EAPI=8\n${nofetch}`, cached: true },
  };
  const old = { digests: { size: 3, sha512: hex("sha512", "old") } };
  const dist: Record<string, Content | typeof old> = { "bought-1.tar": "bought", "large.tar": LARGE, "old.tar": old };
  repository.put("app-misc/bought", {
    dist,
    ebuilds: [ebuild],
    lines: [`DIST bare.tar 4 WHIRLPOOL ${"0".repeat(128)}`],
  });
  await start();
});

afterEach(async () => {
  await server.stop();
  folder.remove();
});

const hex = (algorithm: string, text: string) => createHash(algorithm).update(text).digest("hex");

async function start(settings: Record<string, string> = {}): Promise<void> {
  server = await startServer({
    location: folder.file("store"),
    mirrors: ["http://127.0.0.1:1"],
    repos: [repository.location],
    settings: { "server.admin_token": TOKEN, ...settings },
  });
  await server.settled;
}

async function restart(settings: Record<string, string>): Promise<void> {
  await server.stop();
  await start(settings);
}

async function upload(
  name: string,
  body: string | Uint8Array | ReadableStream,
  headers: Record<string, string> = AUTHORIZED,
) {
  const response = await fetch(`${server.url}/api/v1/files/${name}`, { method: "PUT", headers, body: body as string });
  const { outcome, detail } = (await response.json()) as { readonly outcome?: string; readonly detail?: string };
  return [response.status, outcome ?? detail] as const;
}

const statusOf = async (name: string) => (await fetch(`${server.url}/distfiles/${name}`)).status;
const partFiles = () => readdirSync(folder.file("store/partial"));

/** Announces `size` bytes of a file and sends some; the rest is sent, or not, over the connection. */
function begin(name: string, size: number, bytes: Uint8Array) {
  const socket = connect(Number(new URL(server.url).port), "127.0.0.1");
  const head = [
    `PUT /api/v1/files/${name} HTTP/1.1`,
    "Host: localhost",
    `Authorization: Bearer ${TOKEN}`,
    "Connection: close",
  ];
  socket.write(`${[...head, `Content-Length: ${size}`].join("\r\n")}\r\n\r\n`);
  socket.write(bytes);
  const { promise: answer, resolve } = Promise.withResolvers<string>();
  let text = "";
  socket.on("data", (data) => {
    text += data;
  });
  socket.on("close", () => resolve(text));
  return { socket, answer };
}

async function untilParts(count: number): Promise<void> {
  for (let round = 0; round < 100 && partFiles().length !== count; round++) await Bun.sleep(20);
  expect(partFiles()).toHaveLength(count);
}

test("a file that a Manifest confirms is stored, and served", async () => {
  expect(await statusOf("bought-1.tar")).toBe(404);
  expect(await upload("bought-1.tar", "bought")).toEqual([201, "stored"]);
  const answer = await fetch(`${server.url}/distfiles/bought-1.tar`);
  expect([answer.headers.get("cache-status"), await answer.text()]).toEqual(["portcache; hit", "bought"]);
  expect(await upload("bought-1.tar", "bought")).toEqual([200, "present"]);
  expect(await upload("large.tar", readContent(LARGE))).toEqual([201, "stored"]);
  const large = await fetch(`${server.url}/distfiles/large.tar`);
  expect(Buffer.compare(Buffer.from(await large.bytes()), readContent(LARGE))).toBe(0);
  expect(await upload("old.tar", "old")).toEqual([201, "stored"]);
  expect(partFiles()).toEqual([]);
});

test("a file with RESTRICT=fetch says where people get it", async () => {
  const details = async () => (await (await fetch(`${server.url}/api/v1/files/bought-1.tar`)).json()) as FileDetails;
  const { state, summary, by_hand } = await details();
  expect([state, summary]).toEqual(["listed", expect.stringContaining("RESTRICT=fetch")]);
  expect(by_hand).toEqual({
    homepages: ["https://example.org"],
    uris: ["https://shop.test/bought-1.tar", "https://shop.test/register"],
  });
  await upload("bought-1.tar", "bought");
  expect((await details()).by_hand).toBeNull();
});

test("another file is refused, with what was expected and what was found", async () => {
  for (const [name, body, detail] of [
    [
      "bought-1.tar",
      "b0ught",
      `expected BLAKE2B ${hex("blake2b512", "bought")}, found BLAKE2B ${hex("blake2b512", "b0ught")}`,
    ],
    ["old.tar", "new", `expected SHA512 ${hex("sha512", "old")}, found SHA512 ${hex("sha512", "new")}`],
    ["bought-1.tar", "bought!", "expected 6 bytes, found 7 bytes"],
    ["other.tar", "x", "No ebuild repository lists other.tar"],
    ["bare.tar", "bare", "no hash"],
  ] as const) {
    expect(await upload(name, body)).toEqual([422, expect.stringContaining(detail)]);
    expect(partFiles()).toEqual([]);
    expect(await statusOf(name)).not.toBe(200);
  }
});

test("without the token, from another origin, without a length or under a bad name nothing is read", async () => {
  expect(await upload("bought-1.tar", "bought", {})).toEqual([401, expect.stringContaining("Authorization")]);
  expect(await upload("bought-1.tar", "bought", { authorization: "Bearer wrong" })).toEqual([
    401,
    expect.stringContaining("Wrong token"),
  ]);
  const foreign = { ...AUTHORIZED, origin: "http://evil.example" };
  expect(await upload("bought-1.tar", "bought", foreign)).toEqual([403, expect.stringContaining("origins")]);
  const chunks = new ReadableStream({
    start(controller) {
      controller.enqueue(Buffer.from("bought"));
      controller.close();
    },
  });
  expect(await upload("bought-1.tar", chunks)).toEqual([411, expect.stringContaining("Content-Length")]);
  expect((await upload("a%2Fb", "bought"))[0]).toBe(400);
  expect(await statusOf("bought-1.tar")).toBe(404);
});

test("of two uploads of one name the second is refused, and the first is stored", async () => {
  const bytes = readContent(LARGE);
  const first = begin("large.tar", bytes.length, bytes.subarray(0, 100_000));
  await untilParts(1);
  expect(await upload("large.tar", bytes)).toEqual([409, expect.stringContaining("just now")]);
  first.socket.write(bytes.subarray(100_000));
  expect(await first.answer).toStartWith("HTTP/1.1 201");
  expect(await statusOf("large.tar")).toBe(200);
});

test("of an upload that breaks off nothing stays", async () => {
  const { socket } = begin("large.tar", LARGE.size, readContent(LARGE).subarray(0, 1_000_000));
  await untilParts(1);
  socket.destroy();
  await untilParts(0);
  expect(await upload("large.tar", readContent(LARGE))).toEqual([201, "stored"]);
});

test("only so many files are uploaded at once", async () => {
  const names = Array.from({ length: 9 }, (_, i) => `many-${i}.tar`);
  repository.put("app-misc/many", { dist: Object.fromEntries(names.map((name) => [name, LARGE])) });
  await restart({});
  const begun = names.slice(1).map((name) => begin(name, LARGE.size, new Uint8Array(1)));
  await untilParts(8);
  expect(await upload("many-0.tar", readContent(LARGE))).toEqual([503, expect.stringContaining("try again later")]);
  for (const { socket } of begun) socket.destroy();
  await untilParts(0);
});

test("a store without room refuses the file", async () => {
  await restart({ "storage.max_size": "1000000" });
  expect(await upload("large.tar", readContent(LARGE))).toEqual([507, expect.stringContaining("no room")]);
  expect(partFiles()).toEqual([]);
});

test("an upload does not keep the server from stopping", async () => {
  const { answer } = begin("large.tar", LARGE.size, new Uint8Array(100_000));
  await untilParts(1);
  await server.stop();
  expect(await answer).not.toStartWith("HTTP/1.1 201");
  expect(partFiles()).toEqual([]);
});
