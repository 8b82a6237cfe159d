import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { lookup } from "node:dns/promises";
import { closeSync, mkdirSync, openSync, readFileSync, rmdirSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/bun-sqlite";
import { createTempFolder } from "../testing/temp.ts";
import { reasonOf, reasonWithPath } from "./error-reason.ts";

async function failureOf(act: () => unknown): Promise<unknown> {
  try {
    await act();
  } catch (error) {
    return error;
  }
  throw new Error("nothing failed");
}

async function reason(act: () => unknown): Promise<string> {
  return reasonOf(await failureOf(act));
}

/** Fetches from a server that treats its one connection like this. */
async function fetchFrom(onRequest: (socket: Socket) => void, init?: RequestInit): Promise<string> {
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.once("data", () => onRequest(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" ? address?.port : 0;
  try {
    return await reason(async () => await (await fetch(`http://127.0.0.1:${port}/`, init)).arrayBuffer());
  } finally {
    server.close();
  }
}

test("a failed fetch says what happened to the connection", async () => {
  using listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => undefined } });
  const { port } = listener;
  listener.stop(true);
  expect(await reason(() => fetch(`http://127.0.0.1:${port}/`))).toBe("connection refused");
  expect(await reason(() => fetch(`http://127.0.0.1:${port}/`, { proxy: `http://127.0.0.1:${port}` }))).toBe(
    "connection refused",
  );
  expect(await fetchFrom((socket) => socket.resetAndDestroy())).toBe("connection reset");
  expect(await fetchFrom((socket) => socket.end("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc"))).toBe(
    "connection reset",
  );
  const chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n";
  expect(await fetchFrom((socket) => socket.end(chunked))).toBe("invalid HTTP response");
  expect(await fetchFrom(() => undefined, { signal: AbortSignal.timeout(50) })).toBe("timed out");
  expect(await reason(() => fetch("http://127.0.0.1:99999/"))).toBe("invalid URL");
  expect(await reason(() => fetch("http://box/", { unix: "/nonexistent.sock" }))).toBe("no such file or directory");
});

test("a host name without an address is not found", async () => {
  expect(await reason(() => lookup("nothing.invalid"))).toMatch(
    /^(host not found|temporary failure in name resolution)$/,
  );
});

test("failures of TLS name what is wrong with the certificate", () => {
  for (const [code, words] of [
    ["DEPTH_ZERO_SELF_SIGNED_CERT", "certificate is self-signed"],
    ["CERT_HAS_EXPIRED", "certificate has expired"],
    ["ERR_TLS_CERT_ALTNAME_INVALID", "certificate is for another host"],
    ["UNABLE_TO_VERIFY_LEAF_SIGNATURE", "certificate is signed by an unknown authority"],
    ["EPROTO", "TLS handshake failed"],
  ] as const) {
    expect(reasonOf(Object.assign(new TypeError("the platform's sentence"), { code }))).toBe(words);
  }
});

test("failed system calls have the words of errno(3), and name the file on request", async () => {
  using folder = createTempFolder();
  const [file, full] = [folder.file("f"), folder.file("full")];
  writeFileSync(file, "x");
  mkdirSync(full);
  writeFileSync(`${full}/x`, "");
  symlinkSync("loop", folder.file("loop"));
  for (const [act, words, call] of [
    [() => readFileSync(folder.file("none")), "no such file or directory", `open ${folder.file("none")}`],
    [() => readFileSync(`${file}/x`), "not a directory", `open ${file}/x`],
    [() => readFileSync(folder.path), "is a directory", undefined],
    [async () => await Bun.file(folder.path).text(), "is a directory", `read ${folder.path}`],
    [() => mkdirSync(file, { recursive: true }), "file exists", `mkdir ${file}`],
    [() => rmdirSync(full), "directory not empty", `rmdir ${full}`],
    [() => readFileSync(folder.file("loop")), "too many levels of symbolic links", `open ${folder.file("loop")}`],
    [() => writeFileSync("/dev/full", "x"), "no space left on device", undefined],
    [() => closeSync(9999), "bad file descriptor", undefined],
    [() => openSync(`/tmp/${"x".repeat(300)}`, "r"), "file name too long", `open /tmp/${"x".repeat(300)}`],
  ] as const) {
    const error = await failureOf(act);
    expect(reasonOf(error)).toBe(words);
    expect(reasonWithPath(error)).toBe(call === undefined ? words : `${call}: ${words}`);
  }
});

test("a program that is not there is not found, and one that may not be run is refused", async () => {
  using folder = createTempFolder();
  writeFileSync(folder.file("script"), "");
  expect(await reason(() => Bun.spawn(["no-such-program"]))).toBe("no-such-program: command not found");
  expect(await reason(() => Bun.spawn([folder.file("none")]))).toBe("no such file or directory");
  expect(await reason(() => Bun.spawn([folder.file("script")]))).toBe("permission denied");
});

test("failures of SQLite are known by their primary code, also as Drizzle wraps them", async () => {
  using folder = createTempFolder();
  const path = folder.file("x.sqlite");
  using holder = new Database(path);
  holder.run("CREATE TABLE t (x)");
  holder.run("BEGIN IMMEDIATE");
  using other = new Database(path);
  expect(await reason(() => other.run("INSERT INTO t VALUES (1)"))).toBe("database is locked");
  expect(await reason(() => drizzle(other).run(sql`INSERT INTO t VALUES (1)`))).toBe("database is locked");
  expect(await reason(() => new Database(folder.file("none/x.sqlite")))).toBe("cannot open the database");
  using readOnly = new Database(path, { readonly: true });
  expect(await reason(() => readOnly.run("INSERT INTO t VALUES (1)"))).toBe("database is read-only");
  writeFileSync(folder.file("no.sqlite"), "no database".repeat(100));
  using none = new Database(folder.file("no.sqlite"));
  expect(await reason(() => none.run("SELECT * FROM sqlite_master"))).toBe("not a database");
  using small = new Database(":memory:");
  small.run("PRAGMA max_page_count = 2");
  expect(await reason(() => small.run("CREATE TABLE a (x); CREATE TABLE b (x)"))).toBe("no space left on device");
  for (const [code, words] of [
    ["SQLITE_CORRUPT", "database is corrupt"],
    ["SQLITE_CORRUPT_VTAB", "database is corrupt"],
    ["SQLITE_IOERR_WRITE", "input/output error"],
    ["SQLITE_BUSY_SNAPSHOT", "database is locked"],
  ] as const) {
    expect(reasonOf(Object.assign(new Error("the platform's sentence"), { code }))).toBe(words);
  }
});

test("an error of our own keeps its message, one without words has those of its cause", () => {
  const cause = Object.assign(new Error("EIO: i/o error, read"), { code: "EIO" });
  expect(reasonOf(new Error("Cannot store a.tar: it is too large", { cause }))).toBe(
    "Cannot store a.tar: it is too large",
  );
  expect(reasonOf(new Error("", { cause }))).toBe("input/output error");
  expect(reasonOf(new AggregateError([cause]))).toBe("input/output error");
  expect(reasonOf("some text")).toBe("some text");
});

test("a code that is in no table leaves the bare message", () => {
  for (const [message, code, words] of [
    ["EWEIRD: odd thing happened, open '/a, b'", "EWEIRD", "odd thing happened"],
    ['Odd fetching "http://u:p@h/". For more information, pass `verbose: true` in the second …', "Odd", "Odd"],
    ["JSON Parse error: Expected '}'", "", "Expected '}'"],
  ] as const) {
    expect(reasonOf(Object.assign(new Error(message), { code }))).toBe(words);
  }
});
