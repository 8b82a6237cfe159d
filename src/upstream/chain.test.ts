import { afterEach, beforeEach, expect, test } from "bun:test";
import { createServer, type Server, type Socket } from "node:net";
import { SourceError } from "../distfile/errors.ts";
import { testUpstreamClient } from "../testing/downloads.ts";

/** Answers a request line and its headers with raw bytes, one per character. */
type Answer = (target: string, head: string) => string;

let server: Server;
let port: number;
let answer: Answer;
let requests: string[];
let sockets: Socket[];
/** Whether a connection ends after its first answer. */
let closes: boolean;

beforeEach(async () => {
  closes = false;
  requests = [];
  sockets = [];
  server = createServer((socket) => {
    sockets.push(socket);
    socket.on("error", () => undefined);
    socket.on("data", (data) => {
      const head = data.toString("latin1");
      const target = head.split(" ")[1] ?? "";
      requests.push(target);
      socket.write(Buffer.from(answer(target, head), "latin1"));
      if (closes) socket.end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  port = typeof address === "object" && address !== null ? address.port : 0;
});
afterEach(() => void server.close());

const ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nLast-Modified: Sunday, 06-Nov-94 08:49:37 GMT\r\n\r\nok";
const redirect = (fields: string) => `HTTP/1.1 302 Found\r\nContent-Length: 0\r\n${fields}\r\n`;

async function get(path: string, host = "127.0.0.1"): Promise<string> {
  const url = `http://${host}:${port}${path}`;
  const response = await testUpstreamClient().send({ method: "GET", url, trustedOrigin: undefined, offset: 0 });
  const pieces: Uint8Array[] = [];
  for (let piece = await response.read(); piece; piece = await response.read()) pieces.push(piece);
  response.close();
  expect(response.lastModifiedAt).toBe(Date.UTC(1994, 10, 6, 8, 49, 37));
  return Buffer.concat(pieces).toString();
}

async function failureOf(path: string): Promise<string> {
  const error = await get(path).catch((cause: unknown) => cause);
  return error instanceof SourceError ? `${error.kind}: ${error.message}` : String(error);
}

test("cookies that are set on the way go back to the same host within that chain, and to no other", async () => {
  answer = (target, head) => {
    const cookie = /^cookie: (.*)\r$/im.exec(head)?.[1];
    if (target === "/file" && cookie === "seen=1") return ok;
    if (target === "/file") return redirect("Location: /gate\r\n");
    if (target === "/gate") return redirect("Location: /file\r\nSet-Cookie: seen=1; Path=/; HttpOnly\r\n");
    if (target === "/away")
      return redirect(`Location: http://localhost:${port}/other\r\nSet-Cookie: seen=1; Path=/\r\n`);
    return cookie === undefined ? ok : "HTTP/1.1 400 Cookie\r\nContent-Length: 0\r\n\r\n";
  };
  expect(await get("/file")).toBe("ok");
  expect(requests).toEqual(["/file", "/gate", "/file"]);
  expect(await get("/away")).toBe("ok");
  expect(await get("/plain")).toBe("ok");
});

test("a page that redirects to itself until it has set its cookie is followed", async () => {
  answer = (_, head) => (/^cookie: a=1\r$/im.test(head) ? ok : redirect("Location: /x\r\nSet-Cookie: a=1\r\n"));
  expect(await get("/x")).toBe("ok");
  expect(requests).toEqual(["/x", "/x"]);
});

test("Location in raw bytes is asked for byte by byte", async () => {
  answer = (target) => (target === "/x" ? redirect("Location: /caf\xe9 \xc3\xa9/100%\r\n") : ok);
  expect(await get("/x")).toBe("ok");
  expect(requests).toEqual(["/x", "/caf%E9%20%C3%A9/100%25"]);
});

test("a redirect without Location, or in a loop, is one failure and not many tries", async () => {
  answer = () => redirect("");
  expect(await failureOf("/x")).toBe("failed: answered 302 without Location");
  expect(requests).toEqual(["/x"]);
  answer = (target) => redirect(`Location: ${target === "/a" ? "/b" : "/a"}\r\n`);
  expect(await failureOf("/a")).toBe("failed: redirects in a loop");
  expect(requests).toEqual(["/x", "/a", "/b", "/a", "/b", "/a", "/b"]);
});

test("a redirect to the same URL is followed for a while, as some servers do until they have the file", async () => {
  answer = () => (requests.length < 3 ? redirect("Location: /x\r\n") : ok);
  expect(await get("/x")).toBe("ok");
  expect(requests).toEqual(["/x", "/x", "/x"]);
});

test("as many redirects as wget follows are followed", async () => {
  answer = (target) => (target === "/20" ? ok : redirect(`Location: /${Number(target.slice(1)) + 1}\r\n`));
  expect(await get("/0")).toBe("ok");
});

test("slashes at the start of a path are asked for as they are written", async () => {
  answer = () => ok;
  expect(await get("//m.org/one-1.zip?a=//b")).toBe("ok");
  expect(await get("///a//b")).toBe("ok");
  answer = (target) => (target === "/x" ? redirect(`Location: http://127.0.0.1:${port}//m.org/y\r\n`) : ok);
  expect(await get("/x")).toBe("ok");
  expect(requests).toEqual(["//m.org/one-1.zip?a=//b", "///a//b", "/x", "//m.org/y"]);
});

test("a body from such a path that breaks off is an error, and a chunked one is read to its end", async () => {
  const chunked =
    "Last-Modified: Sunday, 06-Nov-94 08:49:37 GMT\r\nTransfer-Encoding: chunked\r\n\r\n1\r\no\r\n1\r\nk\r\n0\r\n\r\n";
  answer = () => `HTTP/1.1 200 OK\r\n${chunked}`;
  expect(await get("//x")).toBe("ok");
  answer = () => "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nok";
  const broken = failureOf("//x");
  await Bun.sleep(100);
  for (const socket of sockets) socket.destroy();
  expect(await broken).toStartWith("failed: broke off: ");
  answer = () => "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
  expect(await failureOf("//x")).toBe("absent: answered 404");
});

const fields = "Content-Length: 2\r\nLast-Modified: Sunday, 06-Nov-94 08:49:37 GMT\r\n";
const chunks = (body: string) =>
  `${ok.split("\r\n\r\n", 1)[0]?.replace("Content-Length: 2", "Transfer-Encoding: chunked")}\r\n\r\n${body}`;

test("a response that the platform does not understand is read as wget reads it", async () => {
  for (const [what, response] of [
    ["a folded line", `HTTP/1.1 200 OK\r\nX-Long: a\r\n b\r\n\tc\r\n${fields}\r\nok`],
    ["white space before a colon", `HTTP/1.1 200 OK\r\nX-A : b\r\n${fields.replaceAll(": ", " : ")}\r\nok`],
    ["a line that is no field", `HTTP/1.1 200 OK\r\nno field\r\n: empty\r\n${fields}\r\nok`],
    ["control characters", `HTTP/1.1 200 OK\r\nX-A: a\x01b\0c\r\n${fields}\r\nok`],
    ["300 fields", `HTTP/1.1 200 OK\r\n${fields}${"X-A: b\r\n".repeat(300)}\r\nok`],
    ["another version", `HTTP/2 200\r\n${fields}\r\nok`],
    ["lower case", `http/1.1 200 ok\r\n${fields.toLowerCase()}\r\nok`],
    ["a length with more behind it", `HTTP/1.1 200 OK\r\n${fields.replace(": 2", ": +2 bytes")}\r\nok`],
    [
      "an interim response that nobody asked for",
      `HTTP/1.1 101 Switch\r\nUpgrade: x\r\n\r\nHTTP/1.1 200\r\n${fields}\r\nok`,
    ],
    ["an interim response, and LF alone", `HTTP/1.1 103 Hints\nA : b\n\nHTTP/1.1 200 OK\n${fields}\nok`],
    ["a length twice in one field", `HTTP/1.1 200 OK\r\n${fields.replace(": 2", ": 2, 2")}\r\nok`],
  ] as const) {
    answer = () => response;
    expect([what, await get("/x").catch(String)]).toEqual([what, "ok"]);
  }
  for (const length of ["-2", "2, 3", "99999999999999999999"]) {
    answer = () => `HTTP/1.1 200 OK\r\n${fields.replace(": 2", `: ${length}`)}\r\nok`;
    closes = true;
    expect([length, await get("/x").catch(String)]).toEqual([length, "ok"]);
    closes = false;
  }
  answer = (target) => (target === "/x" ? redirect("A : b\r\nLocation: /y\r\n") : ok);
  expect(await get("/x")).toBe("ok");
});

test("what no client can read stays a failure", async () => {
  for (const [response, reason] of [
    ["SSH-2.0-OpenSSH_9.8\r\n\r\n", "failed: invalid HTTP response"],
    ["HTTP/1.1 2000 OK\r\n\r\nok", "failed: invalid HTTP response"],
    [
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
      "bad: answers with Transfer-Encoding gzip, chunked although none was accepted",
    ],
    ["HTTP/1.1 404 Not Found\r\nA : b\r\nContent-Length: 0\r\n\r\n", "absent: answered 404"],
  ] as const) {
    answer = () => response;
    expect(await failureOf("/x")).toBe(reason);
  }
});

test("a host whose chunks the platform does not understand is asked another way from then on", async () => {
  const upstream = testUpstreamClient();
  const send = async () => {
    const response = await upstream.send({
      method: "GET",
      url: `http://127.0.0.1:${port}/x`,
      trustedOrigin: undefined,
      offset: 0,
    });
    const pieces: Uint8Array[] = [];
    for (let piece = await response.read(); piece; piece = await response.read()) pieces.push(piece);
    response.close();
    return Buffer.concat(pieces).toString();
  };
  answer = () => chunks('1  \r\no\r\n1 ; a="b"\r\nk\r\n0 \r\nX-Sum: 1\r\n\r\n');
  expect(await send().catch((error: Error) => error.message)).toBe("broke off: invalid HTTP response");
  expect(await send()).toBe("ok");
  answer = () => chunks("1 \r\no\r\nz\r\nk\r\n");
  expect(await send().catch((error: Error) => error.message)).toBe("broke off: invalid HTTP response");
  answer = () => ok.slice(0, -1);
  const broken = send().catch((error: Error) => error.message);
  await Bun.sleep(100);
  for (const socket of sockets) socket.destroy();
  expect(await broken).toBe("broke off: connection reset");
});
