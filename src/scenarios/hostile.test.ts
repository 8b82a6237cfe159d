/**
 * Repeats what an attack on the server found: mirrors, clients and files in the store that misbehave.
 */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { dirname } from "node:path";
import { type Content, digestsOf, readContent } from "../testing/content.ts";
import { type FakeUpstream, startFakeUpstream } from "../testing/fake-upstream.ts";
import { type TestRepository, writeRepository } from "../testing/repository.ts";
import { startServer, type TestServer } from "../testing/server.ts";
import { distfilePath } from "../testing/stored.ts";
import { createTempFolder, type TempFolder } from "../testing/temp.ts";

const known = { size: 100_000, seed: 1 };
const unknown = { size: 150_000, seed: 2 };

let folder: TempFolder;
let repository: TestRepository;
let mirror: FakeUpstream;
let server: TestServer | undefined;

beforeEach(async () => {
  folder = createTempFolder();
  repository = writeRepository(folder.file("repository"));
  repository.put("app-misc/one", { dist: { "known.zip": known } });
  mirror = await startFakeUpstream({
    files: new Map<string, Content>([
      ["known.zip", known],
      ["unknown.zip", unknown],
    ]),
  });
});

afterEach(async () => {
  await server?.stop();
  server = undefined;
  await mirror.close();
  folder.remove();
});

async function start(mirrors = [mirror.url], settings: Record<string, string> = {}): Promise<string> {
  server = await startServer({ location: folder.file("store"), mirrors, repos: [repository.location], settings });
  await server.settled;
  return `${server.url}/distfiles`;
}

async function isRight(response: Response, content: Content): Promise<boolean> {
  return Buffer.compare(await response.bytes(), readContent(content)) === 0;
}

/** Starts a server that answers every connection with the same bytes, and repeats `more` until the peer leaves. */
async function startRaw(answer: string, more?: Uint8Array) {
  let gone = 0;
  const listener = createServer((socket) => {
    let open = true;
    const end = () => {
      if (open) gone++;
      open = false;
    };
    socket.on("close", end).on("error", end);
    socket.once("data", () => {
      socket.write(answer);
      const push = () => {
        while (open && socket.write(more ?? ""));
      };
      if (more) socket.on("drain", push) && push();
      else socket.end();
    });
  });
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  const address = listener.address();
  const port = typeof address === "object" && address ? address.port : 0;
  return { url: `http://127.0.0.1:${port}`, gone: () => gone, close: () => listener.close() };
}

test("a link in the store is not served", async () => {
  const base = await start();
  const link = folder.file(`store${distfilePath("unknown.zip")}`);
  mkdirSync(dirname(link));
  symlinkSync("/etc/passwd", link);
  expect(await isRight(await fetch(`${base}/unknown.zip`), unknown)).toBe(true);
});

test("passwords of mirrors are sent to the mirrors only", async () => {
  const base = await start([mirror.url.replace("http://", "http://someone:secret@")]);
  const text = await (await fetch(`${base}/absent.zip`)).text();
  expect(text).toContain(`http://***@${new URL(mirror.url).host}: answered 404`);
  expect(text).not.toContain("secret");
  expect(mirror.requests.at(-1)?.headers["authorization"]).toBe(`Basic ${btoa("someone:secret")}`);
});

test("size and ETag of an unknown file at one mirror do not bind the next mirror", async () => {
  const broken = await startRaw('HTTP/1.1 200 OK\r\nContent-Length: 100\r\nETag: "x"\r\n\r\n');
  const base = await start([broken.url, mirror.url], { "fetcher.strategy": "ordered" });
  expect(await isRight(await fetch(`${base}/unknown.zip`), unknown)).toBe(true);
  broken.close();
});

test("a mirror that stalls over layout.conf has files all the same, and a 404 of it is no fact", async () => {
  const stalls = await startFakeUpstream({ files: new Map([["known.zip", known]]) });
  stalls.setFault("layout.conf", { kind: "stall-headers" });
  const base = await start([stalls.url]);
  expect(await isRight(await fetch(`${base}/known.zip`), known)).toBe(true);
  expect((await fetch(`${base}/absent.zip`)).status).toBe(502);
  await stalls.close();
});

test("a request by content hash finds a file that a repository has added since", async () => {
  const base = await start();
  repository.put("app-misc/new", { dist: { "unknown.zip": unknown } });
  repository.markSynced();
  const { blake2b } = digestsOf(unknown);
  expect(await isRight(await fetch(`${base}/${blake2b.slice(0, 2)}/${blake2b}`), unknown)).toBe(true);
});

test("an endless download ends when its client leaves", async () => {
  const endless = await startRaw(
    "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: application/octet-stream\r\n\r\n",
    new Uint8Array(65_536),
  );
  const base = await start([endless.url]);
  const leaver = new AbortController();
  const response = await fetch(`${base}/endless.zip`, { signal: leaver.signal });
  await response.body?.getReader().read();
  const before = endless.gone();
  leaver.abort();
  for (let i = 0; i < 100 && endless.gone() === before; i++) await Bun.sleep(20);
  expect(endless.gone()).toBeGreaterThan(before);
  for (let i = 0; i < 50 && existsSync(folder.file("store/partial/endless.zip")); i++) await Bun.sleep(20);
  expect(readdirSync(folder.file("store/partial"))).toEqual([]);
  endless.close();
});

test("an unknown file whose part is already complete is fetched anew", async () => {
  let base = await start();
  mirror.setFault("unknown.zip", { kind: "stall", at: unknown.size - 1 });
  expect((await fetch(`${base}/unknown.zip`)).status).toBe(504);
  const part = folder.file("store/partial/unknown.zip");
  expect(statSync(part).size).toBe(unknown.size - 1);
  await server?.stop();
  writeFileSync(part, readContent(unknown));
  mirror.setFault("unknown.zip");
  base = await start();
  expect(await isRight(await fetch(`${base}/unknown.zip`), unknown)).toBe(true);
});

test("a folder in place of a part file, or no folder for parts, does not fail the request", async () => {
  const base = await start();
  mkdirSync(folder.file("store/partial/known.zip"));
  expect(await isRight(await fetch(`${base}/known.zip`), known)).toBe(true);
  rmSync(folder.file("store/partial"), { recursive: true });
  expect(await isRight(await fetch(`${base}/unknown.zip`), unknown)).toBe(true);
});

test("a 404 for HEAD is remembered like one for GET", async () => {
  const base = await start();
  for (let i = 0; i < 3; i++) expect((await fetch(`${base}/absent.zip`, { method: "HEAD" })).status).toBe(404);
  expect(mirror.requests.filter(({ path }) => path.includes("absent.zip")).length).toBe(1);
});

test("if repositories disagree, the second one's content is served while no mirror has the first one's", async () => {
  const overlay = writeRepository(folder.file("overlay"), { name: "overlay" });
  overlay.put("app-misc/own", { dist: { "known.zip": unknown } });
  mirror.files.set("known.zip", unknown);
  server = await startServer({
    location: folder.file("store"),
    mirrors: [mirror.url],
    repos: [repository.location, overlay.location],
  });
  await server.settled;
  const base = `${server.url}/distfiles`;
  expect(await isRight(await fetch(`${base}/known.zip`), unknown)).toBe(true);
  const asked = mirror.fileRequests("known.zip").length;
  const again = await fetch(`${base}/known.zip`);
  expect(again.headers.get("cache-status")).toBe("portcache; hit");
  expect(await isRight(again, unknown)).toBe(true);
  expect(mirror.fileRequests("known.zip").length).toBe(asked);
});
