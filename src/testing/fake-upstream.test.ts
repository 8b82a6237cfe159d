import { afterAll, afterEach, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { layoutPath } from "../distfile/layout.ts";
import type { DistfileName } from "../distfile/name.ts";
import { LAST_MODIFIED } from "./answer.ts";
import { digestsOf, readContent } from "./content.ts";
import { type FakeUpstream, startFakeUpstream } from "./fake-upstream.ts";
import type { Fault } from "./faults.ts";
import { createTempFolder } from "./temp.ts";

const SIZE = 1_000_000;
const content = { size: SIZE, seed: 5 };
const folder = createTempFolder();
const upstream = await startFakeUpstream({ files: new Map([["f", content]]) });
const flat = `${upstream.url}/distfiles/f`;

afterEach(() => upstream.setFault("f"));
afterAll(async () => {
  await upstream.close();
  folder.remove();
});

interface Reply {
  readonly exit: number;
  readonly body: Buffer;
  /** Status line and headers. */
  readonly head: string;
}

async function curl(url: string, ...args: string[]): Promise<Reply> {
  const command = [
    "curl",
    "-sS",
    "--max-time",
    "4",
    "-o",
    folder.file("body"),
    "-D",
    folder.file("head"),
    ...args,
    url,
  ];
  await Promise.all([Bun.write(folder.file("body"), ""), Bun.write(folder.file("head"), "")]);
  const process = Bun.spawn(command, { stdout: "ignore", stderr: "ignore" });
  const exit = await process.exited;
  return { exit, body: readFileSync(folder.file("body")), head: readFileSync(folder.file("head"), "latin1") };
}

function expectBytes(body: Buffer, start = 0, end = SIZE): void {
  expect(body.length).toBe(end - start);
  expect(Buffer.compare(body, readContent(content, start, end))).toBe(0);
}

test("files are found in the layouts of layout.conf", async () => {
  expect((await curl(`${upstream.url}/distfiles/layout.conf`)).body.toString()).toBe(
    "[structure]\n0=filename-hash BLAKE2B 8\n1=flat\n",
  );
  const hashed = layoutPath({ kind: "filename-hash", algorithm: "BLAKE2B", cutoffs: [8] }, "f" as DistfileName);
  expectBytes((await curl(`${upstream.url}/distfiles/${hashed}`)).body);
  expectBytes((await curl(flat)).body);
  expect((await curl(`${upstream.url}/distfiles/zz/f`)).head).toStartWith("HTTP/1.1 404");
  expect((await curl(`${upstream.url}/distfiles/g`)).head).toStartWith("HTTP/1.1 404");
  expect(upstream.fileRequests("f").map(({ path }) => path)).toContain(`/distfiles/${hashed}`);
});

test("a mirror may have a content-hash layout, no layout.conf, or files at any path", async () => {
  const text = "[structure]\n0=content-hash SHA512 8:8\n";
  const files = new Map<string, string>([["a%2Fb", "hello"]]);
  await using byContent = await startFakeUpstream({ files, layoutConf: text });
  const { sha512 } = digestsOf("hello");
  const path = `${sha512.slice(0, 2)}/${sha512.slice(2, 4)}/${sha512}`;
  expect((await curl(`${byContent.url}/distfiles/${path}`)).body.toString()).toBe("hello");
  expect((await curl(`${byContent.url}/distfiles/a%252Fb`)).head).toStartWith("HTTP/1.1 404");
  await using old = await startFakeUpstream({ files: files.set("/pub/x-1.tgz", "x"), layoutConf: null });
  expect((await curl(`${old.url}/distfiles/layout.conf`)).head).toStartWith("HTTP/1.1 404");
  expect((await curl(`${old.url}/distfiles/a%252Fb`)).body.toString()).toBe("hello");
  expect((await curl(`${old.url}/pub/x-1.tgz`)).body.toString()).toBe("x");
});

test("HEAD, ranges and validators follow RFC 9110", async () => {
  const { head } = await curl(flat, "-I");
  expect(head).toContain(`Content-Length: ${SIZE}`);
  expect(head).toContain(`Last-Modified: ${LAST_MODIFIED}`);
  const etag = /ETag: (".*")/.exec(head)?.[1] ?? "";
  const range = async (value: string, ...more: string[]) => await curl(flat, "-H", `Range: bytes=${value}`, ...more);
  const part = await range("10-19", "-H", `If-Range: ${etag}`);
  expect(part.head).toContain(`Content-Range: bytes 10-19/${SIZE}`);
  expectBytes(part.body, 10, 20);
  expectBytes((await range("999990-")).body, SIZE - 10);
  expectBytes((await range("-7")).body, SIZE - 7);
  expectBytes((await range("1-2,4-5")).body);
  expectBytes((await range("10-19", "-H", 'If-Range: "other"')).body);
  expectBytes((await range("10-19", "-H", `If-Range: ${LAST_MODIFIED}`)).body, 10, 20);
  const beyond = await range(`${SIZE}-`);
  expect(beyond.head).toStartWith("HTTP/1.1 416");
  expect(beyond.head).toContain(`Content-Range: bytes */${SIZE}`);
  expect((await curl(flat, "-H", `If-None-Match: ${etag}`)).head).toStartWith("HTTP/1.1 304");
  expect((await curl(flat, "-z", LAST_MODIFIED)).head).toStartWith("HTTP/1.1 304");
  expect((await curl(flat, "-X", "POST")).head).toStartWith("HTTP/1.1 405");
});

test("one connection serves many requests, and all are recorded", async () => {
  const before = upstream.requests.length;
  await curl(flat, "-H", "Range: bytes=0-0", flat, "-o", folder.file("other"));
  const added = upstream.requests.slice(before);
  expect(added.map(({ method, range, file }) => [method, range, file])).toEqual([
    ["GET", "bytes=0-0", "f"],
    ["GET", "bytes=0-0", "f"],
  ]);
  expect(added[0]?.connection).toBe(added[1]?.connection ?? 0);
});

/** curl's exit codes: 18 transfer closed with bytes missing, 28 timeout, 47 too many redirects, 56 reset. */
const BROKEN: readonly (readonly [Fault, exit: number, bytes: number])[] = [
  [{ kind: "reset", at: 300_000 }, 56, 300_000],
  [{ kind: "reset" }, 56, 0],
  [{ kind: "close", at: 300_001 }, 18, 300_001],
  [{ kind: "close", after: 1 }, 18, 1],
  [{ kind: "stall", at: 4097 }, 28, 4097],
  [{ kind: "stall-headers" }, 28, 0],
];

test.each(BROKEN)("%j breaks off exactly there", async (fault, exit, bytes) => {
  upstream.setFault("f", fault);
  const got = await curl(flat, "--max-time", exit === 28 ? "0.5" : "4");
  expect(got.exit).toBe(exit);
  expectBytes(got.body, 0, bytes);
});

test("a cut is at a position of the file or of the answer", async () => {
  upstream.setFault("f", { kind: "close", at: 500 });
  expectBytes((await curl(flat, "-r", "100-")).body, 100, 500);
  expectBytes((await curl(flat, "-r", "501-")).body, 501);
  upstream.setFault("f", { kind: "close", after: 500 });
  expectBytes((await curl(flat, "-r", "501-")).body, 501, 1001);
});

test("a fault can be limited to the first requests, or to those with a range", async () => {
  upstream.setFault("f", { kind: "status", status: 503, headers: { "Retry-After": "7" }, times: 2 });
  const first = await curl(flat);
  expect(first.head).toStartWith("HTTP/1.1 503");
  expect(first.head).toContain("Retry-After: 7");
  expect((await curl(flat)).head).toStartWith("HTTP/1.1 503");
  expectBytes((await curl(flat)).body);
  upstream.setFault("f", { kind: "status", status: 403, on: "range" });
  expectBytes((await curl(flat)).body);
  expect((await curl(flat, "-r", "5-")).head).toStartWith("HTTP/1.1 403");
  upstream.setFault("f");
  expect((await curl(flat, "-r", "5-")).head).toStartWith("HTTP/1.1 206");
});

test("faults of * apply to every file except layout.conf and those with their own", async () => {
  await using other = await startFakeUpstream({
    files: new Map([
      ["a", "a"],
      ["b", "b"],
    ]),
  });
  other.setFault("*", { kind: "html" });
  other.setFault("b", { kind: "latency", ms: 1 });
  expect((await curl(`${other.url}/distfiles/a`)).body.toString()).toContain("log in");
  expect((await curl(`${other.url}/distfiles/none`)).head).toStartWith("HTTP/1.1 200");
  expect((await curl(`${other.url}/distfiles/b`)).body.toString()).toBe("b");
  expect((await curl(`${other.url}/distfiles/layout.conf`)).body.toString()).toContain("[structure]");
});

test("wrong bodies have consistent headers", async () => {
  upstream.setFault("f", { kind: "corrupt", at: 654_321 });
  const { body } = await curl(flat);
  const right = readContent(content);
  expect(body.length).toBe(SIZE);
  expect([...body.keys()].filter((i) => body[i] !== right[i])).toEqual([654_321]);
  upstream.setFault("f", { kind: "longer", bytes: 3 });
  expect((await curl(flat)).body.length).toBe(SIZE + 3);
  upstream.setFault("f", { kind: "shorter", bytes: 3 });
  const short = await curl(flat);
  expect(short.exit).toBe(0);
  expectBytes(short.body, 0, SIZE - 3);
  upstream.setFault("f", { kind: "gzip" });
  const gzip = await curl(flat);
  expect(gzip.head).toContain("Content-Encoding: gzip");
  expectBytes(gunzipSync(gzip.body));
});

test("a range can be ignored, or have a wrong total, start or content", async () => {
  const range = () => curl(flat, "-H", "Range: bytes=100-199");
  upstream.setFault("f", { kind: "ignore-range" });
  expectBytes((await range()).body);
  upstream.setFault("f", { kind: "wrong-total" });
  const total = await range();
  expect(total.head).toContain(`Content-Range: bytes 100-199/${SIZE + 1}`);
  expectBytes(total.body, 100, 200);
  upstream.setFault("f", { kind: "wrong-start" });
  const shifted = await range();
  expect(shifted.head).toContain(`Content-Range: bytes 101-200/${SIZE}`);
  expectBytes(shifted.body, 101, 201);
  upstream.setFault("f", { kind: "garbage" });
  const garbage = await range();
  expect(garbage.head).toContain(`Content-Range: bytes 100-199/${SIZE}`);
  expect(Buffer.compare(garbage.body, readContent(content, 100, 200))).not.toBe(0);
});

test("redirects lead to another URL, or never end", async () => {
  upstream.setFault("f", { kind: "redirect", to: `${upstream.url}/distfiles/layout.conf`, status: 307 });
  const got = await curl(flat, "-L");
  expect(got.head).toStartWith("HTTP/1.1 307");
  expect(got.body.toString()).toContain("[structure]");
  upstream.setFault("f", { kind: "redirect-loop" });
  expect((await curl(flat, "-L", "--max-redirs", "5")).exit).toBe(47);
});

test("bodies without a Content-Length are complete", async () => {
  upstream.setFault("f", { kind: "chunked" });
  const chunked = await curl(flat);
  expect(chunked.head).not.toContain("Content-Length");
  expectBytes(chunked.body);
  upstream.setFault("f", { kind: "chunked" }, { kind: "close", at: 5000 });
  expect((await curl(flat)).exit).toBe(18);
  upstream.setFault("f", { kind: "close-delimited" });
  const closed = await curl(flat);
  expect(closed.exit).toBe(0);
  expect(closed.head).not.toContain("Content-Length");
  expectBytes(closed.body);
});

test("validators can be missing, weak, or different each time", async () => {
  const etag = async (fault: Fault) => {
    upstream.setFault("f", fault);
    return /ETag: (.*)\r/.exec((await curl(flat, "-I")).head)?.[1];
  };
  expect(await etag({ kind: "etag", etag: "none" })).toBeUndefined();
  expect(await etag({ kind: "etag", etag: "weak" })).toStartWith('W/"');
  expect(await etag({ kind: "etag", etag: "changing" })).not.toBe(await etag({ kind: "etag", etag: "changing" }));
  upstream.setFault("f", { kind: "no-last-modified" }, { kind: "no-head" });
  expect((await curl(flat, "-I")).head).toStartWith("HTTP/1.1 405");
  expect((await curl(flat, "-r", "0-0")).head).not.toContain("Last-Modified");
});

test("latency and rates take the stated time", async () => {
  const timed = async (...faults: Fault[]) => {
    upstream.setFault("f", ...faults);
    const start = performance.now();
    expectBytes((await curl(flat)).body);
    return performance.now() - start;
  };
  expect(await timed({ kind: "latency", ms: 300 })).toBeGreaterThan(295);
  const limited = await timed({ kind: "rate", bytesPerSecond: 2 * SIZE });
  expect(limited).toBeGreaterThan(450);
  expect(limited).toBeLessThan(2000);
  upstream.setFault("f", { kind: "rate", bytesPerSecond: 40, at: 100 });
  const { body } = await curl(flat, "--max-time", "0.5");
  expect(body.length).toBeGreaterThan(100);
  expect(body.length).toBeLessThan(150);
});

test("a client that leaves ends its transfer, and unsent bytes are not buffered", async () => {
  await using big = await startFakeUpstream({ files: new Map([["big", { size: 2 ** 40, seed: 1 }]]) });
  await curl(`${big.url}/distfiles/big`, "--limit-rate", "1M", "--max-time", "0.5");
  const sent = big.bytesSent;
  expect(sent).toBeLessThan(64 * 1024 * 1024);
  await Bun.sleep(50);
  expect(big.bytesSent).toBe(sent);
  expect(big.connections).toBe(0);
});

test("wget resumes by range after a reset", async () => {
  upstream.setFault("f", { kind: "reset", at: 400_000, times: 1 });
  const before = upstream.requests.length;
  const target = folder.file("wget");
  const wget = Bun.spawn(["wget", "-q", "-t", "3", "--waitretry=0", "-O", target, flat], { stderr: "ignore" });
  expect(await wget.exited).toBe(0);
  expectBytes(readFileSync(target));
  expect(upstream.requests.slice(before).map(({ range }) => range)).toEqual([undefined, "bytes=400000-"]);
});

test("after close() connections are refused", async () => {
  const gone: FakeUpstream = await startFakeUpstream();
  await gone.close();
  expect((await curl(gone.url)).exit).toBe(7);
});
