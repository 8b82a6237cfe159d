/**
 * Runs the siege's mirrors in a process of their own: two good ones, a bad one, and a victim that counts what it is asked.
 * Prints the URLs in its first line, then the victim's count for each line that it reads; ends with its standard input.
 */
import { createServer, type Socket } from "node:net";
import type { Content } from "../../src/testing/content.ts";
import { startFakeUpstream } from "../../src/testing/fake-upstream.ts";
import { createRandom, type Random } from "../storm/random.ts";
import { bytesOf, contentOf, GOOD_NAMES, INCOMING_NAMES } from "./world.ts";

export interface MirrorUrls {
  readonly good: readonly string[];
  readonly bad: string;
  readonly victim: string;
}

const MIB = 1024 * 1024;
const TIB = 1024 ** 4;
const WEEK_MS = 7 * 86_400_000;
const PIECE = new Uint8Array(64 * 1024).fill(97);
/** The bad mirror sends this much at most each time, so that it takes no more than a share of the processor. */
const BURST = 4;
const BURST_MS = 20;
const FIELD = "h".repeat(MIB);
const LAYOUT_CONF = `[structure]\n0=y${" ".repeat(65_000)}x\n`;

/** At this rate the server's stall watchdog is content. */
const TRICKLE_MS = 500;
const TRICKLE = new Uint8Array(1024);
const INCOMING_RATE = 64 * 1024;

/** Sends just enough not to count as stalled. */
function trickle(socket: Socket): void {
  const timer = setInterval(() => socket.write(TRICKLE), TRICKLE_MS);
  socket.on("close", () => clearInterval(timer));
}

/** Sends until the other side has had enough. */
function sendForever(socket: Socket): void {
  const timer = setInterval(() => {
    for (let i = 0; i < BURST && !socket.destroyed && socket.writableLength < MIB; i++) socket.write(PIECE);
  }, BURST_MS);
  socket.on("close", () => clearInterval(timer));
}

function answer(socket: Socket, path: string, files: ReadonlySet<string>, random: Random): void {
  const send = (status: string, headers: string, body = "") => {
    socket.write(`HTTP/1.1 ${status}\r\n${headers}Connection: close\r\n\r\n${body}`);
  };
  const date = (offset: number) => new Date(Date.now() + offset).toUTCString();
  const small = (headers: string) => {
    send("200 OK", `${headers}Content-Length: ${PIECE.length}\r\n`);
    socket.end(PIECE);
  };
  if (path.endsWith("/layout.conf")) {
    send("200 OK", `Content-Length: ${LAYOUT_CONF.length}\r\n`, LAYOUT_CONF);
    return void socket.end();
  }
  const name = path.slice(path.lastIndexOf("/") + 1);
  const answers: readonly (() => void)[] = [
    () => {
      send("200 OK", `Last-Modified: ${date(-WEEK_MS)}\r\n`);
      sendForever(socket);
    },
    () => {
      send("200 OK", `Content-Length: ${TIB}\r\n`);
      sendForever(socket);
    },
    () => {
      send("200 OK", `Content-Length: ${10 * MIB}\r\n`);
      trickle(socket);
    },
    () => {
      // Wrong in its last byte alone.
      const bytes = files.has(name) ? Uint8Array.from(bytesOf(name)) : PIECE;
      bytes[bytes.length - 1] = 0;
      send("200 OK", `Content-Length: ${bytes.length}\r\n`);
      socket.end(bytes);
    },
    () => small(`X-Field: ${FIELD}\r\nETag: "${FIELD}"\r\n`),
    () => {
      send("302 Found", `Location: /${FIELD}\r\nContent-Length: 0\r\n`);
      socket.end();
    },
    () => small(`Last-Modified: ${date(WEEK_MS)}\r\nCache-Control: max-age=99999999999\r\n`),
    () => {
      send("429 Too Many Requests", "Retry-After: 1\r\nContent-Length: 0\r\n");
      socket.end();
    },
    () => {
      send("200 OK", `Content-Length: ${10 * MIB}\r\n`, "the beginning");
      setTimeout(() => socket.resetAndDestroy(), 30);
    },
    () => socket.resetAndDestroy(),
  ];
  random.pick(answers)();
}

async function listen(onRequest: (socket: Socket, path: string) => void): Promise<string> {
  const server = createServer((socket) => {
    let received = "";
    socket.on("error", () => socket.destroy());
    socket.on("data", (bytes) => {
      received += bytes.toString("latin1");
      if (!received.includes("\r\n\r\n")) return;
      const path = received.split(" ")[1] ?? "/";
      received = "";
      onRequest(socket, path);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  return `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`;
}

async function main(seed: number): Promise<void> {
  const random = createRandom(seed);
  const files = new Map<string, Content>(GOOD_NAMES.map((name) => [name, contentOf(name)]));
  const good = await Promise.all([startFakeUpstream({ files }), startFakeUpstream({ files })]);
  for (const mirror of good) {
    for (const name of INCOMING_NAMES) mirror.setFault(name, { kind: "rate", after: 0, bytesPerSecond: INCOMING_RATE });
  }
  const names = new Set(files.keys());
  const bad = await listen((socket, path) => answer(socket, path, names, random));
  let asked = 0;
  const victim = await listen((socket) => {
    asked++;
    socket.end("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
  });
  const urls: MirrorUrls = { good: good.map(({ url }) => url), bad, victim };
  console.log(JSON.stringify(urls));
  for await (const _ of console) console.log(asked);
  process.exit();
}

if (import.meta.main) await main(Number(process.argv[2]));
