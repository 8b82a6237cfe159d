/**
 * Sends a request over a connection of its own, for what the platform's fetch() cannot do: ask for a path as it is written
 * (`mirror://goproxy//m.org/x` begins with two slashes, of which fetch() would make one), and take the responses of servers that are
 * not strict about HTTP/1.1, as wget does.
 */
import { connect as connectPlain, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { codeOf } from "../lib/error-reason.ts";
import { shown } from "../lib/text.ts";
import { contentLength } from "./content-range.ts";
import { parseChunkSize, parseResponseHead, type ResponseHead } from "./response-head.ts";

export interface RawRequest {
  readonly method: "GET" | "HEAD";
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  /** Name in the certificate, where the URL has an address. */
  readonly serverName: string | undefined;
  /** URL of the proxy; empty for none. */
  readonly proxy: string;
}

/** What fetch() throws where a response, or a chunk of its body, is not what its parser expects. */
const UNREADABLE = new Set([
  "InvalidHTTPResponse",
  "Malformed_HTTP_Response",
  "InvalidContentLength",
  "UnrequestedUpgrade",
  "UnsupportedTransferEncoding",
]);

/** Returns whether fetch() did not understand the server. */
export function isUnreadable(error: unknown): boolean {
  return UNREADABLE.has(codeOf(error));
}

const MAX_HEAD_BYTES = 256 * 1024;
/** A line before a chunk, and all of the trailer. */
const MAX_LINE_BYTES = 16 * 1024;

function failure(message: string, code: string): Error {
  return Object.assign(new Error(message), { code });
}

const malformed = () => failure("invalid HTTP response", "Malformed_HTTP_Response");
const cutOff = () => failure("connection reset", "ECONNRESET");

function authorization({ username, password }: URL): string | undefined {
  if (username === "" && password === "") return undefined;
  return `Basic ${Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString("base64")}`;
}

function formatHead(method: string, target: string, fields: Readonly<Record<string, string | undefined>>): string {
  const lines = Object.entries(fields).map(([name, value]) => (value === undefined ? "" : `${name}: ${value}\r\n`));
  return `${method} ${target} HTTP/1.1\r\n${lines.join("")}\r\n`;
}

/** @param proxy that the head is sent to, in place of the server */
function headOf(url: URL, path: string, proxy: URL | undefined, { method, headers }: RawRequest): string {
  return formatHead(method, proxy ? `${url.protocol}//${url.host}${path}` : path, {
    host: url.host,
    accept: "*/*",
    connection: "close",
    authorization: authorization(url),
    "proxy-authorization": proxy && authorization(proxy),
    ...headers,
  });
}

function hostOf({ hostname }: URL): string {
  return hostname.replace(/^\[(.*)\]$/, "$1");
}

function portOf({ protocol, port }: URL): number {
  return port === "" ? (protocol === "https:" ? 443 : 80) : Number(port);
}

const HTTP_1 = { ALPNProtocols: ["http/1.1"] };

function openSocket(url: URL, serverName: string | undefined): Socket {
  const to = { host: hostOf(url), port: portOf(url) };
  return url.protocol === "https:"
    ? connectTls({ ...to, servername: serverName ?? to.host, ...HTTP_1 })
    : connectPlain(to);
}

/** Resolves with the first bytes that the other side sends. */
function firstBytes(socket: Socket): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    socket.once("error", reject).once("close", () => reject(cutOff()));
    socket.once("data", resolve);
  });
}

/** Opens a TLS connection to the server through a proxy (RFC 9110, section 9.3.6). */
async function openTunnel(url: URL, proxy: URL, signal: AbortSignal): Promise<Socket> {
  const tunnel = openSocket(proxy, undefined);
  const stop = () => void tunnel.destroy(cutOff());
  signal.addEventListener("abort", stop, { once: true });
  try {
    const target = `${url.hostname}:${portOf(url)}`;
    tunnel.write(formatHead("CONNECT", target, { host: target, "proxy-authorization": authorization(proxy) }));
    // Nothing follows the proxy's head before the server was spoken to.
    const [line = ""] = (await firstBytes(tunnel)).toString("latin1").split("\r\n", 1);
    if (parseResponseHead([line])?.status !== 200) throw failure(`the proxy answered ${shown(line)}`, "EPROXY");
    return connectTls({ socket: tunnel, servername: hostOf(url), ...HTTP_1 });
  } catch (error) {
    tunnel.destroy();
    throw error;
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

/** Reads lines and bytes of what a server sends, and no further than asked for. */
interface Input {
  /** Returns the next line without its end, one character per byte. @throws {Error} where it is too long or cut off */
  line(maxBytes: number): Promise<string>;
  /** Returns up to so many bytes; undefined at the end. */
  some(maxBytes: number): Promise<Uint8Array | undefined>;
  /** Whether bytes are here that nobody has had. */
  readonly holdsMore: boolean;
}

function createInput(socket: Socket): Input {
  const chunks: AsyncIterator<Buffer> = socket[Symbol.asyncIterator]();
  let here: Buffer = Buffer.alloc(0);

  async function more(): Promise<boolean> {
    const { done, value } = await chunks.next();
    if (done) return false;
    here = here.length === 0 ? value : Buffer.concat([here, value]);
    return true;
  }

  function take(length: number): Buffer {
    const taken = here.subarray(0, length);
    here = here.subarray(length);
    return taken;
  }

  return {
    async line(maxBytes) {
      for (let from = 0; ; ) {
        const end = here.indexOf(10, from);
        if (end > maxBytes || (end < 0 && here.length > maxBytes)) throw malformed();
        if (end >= 0)
          return take(end + 1)
            .toString("latin1")
            .replace(/\r?\n$/, "");
        from = here.length;
        if (!(await more())) throw cutOff();
      }
    },
    async some(maxBytes) {
      if (here.length === 0 && !(await more())) return undefined;
      return take(maxBytes);
    },
    get holdsMore() {
      return here.length > 0;
    },
  };
}

/** Reads the lines up to an empty one, and passes over empty ones before them. */
async function readLines(input: Input, maxBytes: number): Promise<readonly string[]> {
  const lines: string[] = [];
  for (let left = maxBytes; ; ) {
    const line = await input.line(left);
    left -= line.length + 1;
    if (line !== "") lines.push(line);
    else if (lines.length > 0) return lines;
  }
}

const MAX_INTERIM = 20;

/** Reads the final head: those of interim responses (1xx) come before it. */
async function readHead(input: Input): Promise<ResponseHead> {
  for (let heads = 0; heads <= MAX_INTERIM; heads++) {
    const head = parseResponseHead(await readLines(input, MAX_HEAD_BYTES));
    if (!head) break;
    if (head.status >= 200) return head;
  }
  throw malformed();
}

const PIECE_BYTES = 64 * 1024;

async function* readLength(input: Input, length: number): AsyncGenerator<Uint8Array> {
  for (let left = length; left > 0; ) {
    const bytes = await input.some(Math.min(left, PIECE_BYTES));
    if (bytes === undefined) throw cutOff();
    left -= bytes.length;
    yield bytes;
  }
}

async function* readChunks(input: Input): AsyncGenerator<Uint8Array> {
  for (;;) {
    const size = parseChunkSize(await input.line(MAX_LINE_BYTES));
    if (size === undefined) throw malformed();
    if (size === 0) break;
    yield* readLength(input, size);
    if ((await input.line(MAX_LINE_BYTES)) !== "") throw malformed();
  }
  for (let left = MAX_LINE_BYTES; ; ) {
    const line = await input.line(left);
    if (line === "") return;
    left -= line.length + 1;
  }
}

/**
 * Joins small pieces of which the next one is here already: a server may send chunks of one byte, and each piece is hashed and written
 * by itself.
 */
async function* joinSmall(pieces: AsyncGenerator<Uint8Array>, input: Input): AsyncGenerator<Uint8Array> {
  let small: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const piece of pieces) {
      small.push(piece);
      length += piece.length;
      if (length < PIECE_BYTES && input.holdsMore) continue;
      yield Buffer.concat(small);
      small = [];
      length = 0;
    }
  } catch (error) {
    if (length > 0) yield Buffer.concat(small);
    throw error;
  }
  if (length > 0) yield Buffer.concat(small);
}

async function* readToEnd(input: Input): AsyncGenerator<Uint8Array> {
  for (let bytes = await input.some(PIECE_BYTES); bytes; bytes = await input.some(PIECE_BYTES)) yield bytes;
}

/** Returns the pieces of the body by its framing (RFC 9112, section 6.3); undefined where there is none. */
function bodyOf(
  input: Input,
  { status, headers }: ResponseHead,
  method: string,
): AsyncGenerator<Uint8Array> | undefined {
  if (method === "HEAD" || status === 204 || status === 304) return undefined;
  if (/(?:^|,)\s*chunked\s*$/i.test(headers.get("transfer-encoding") ?? "")) return joinSmall(readChunks(input), input);
  const length = contentLength(headers);
  return length === undefined ? readToEnd(input) : readLength(input, length);
}

function asStream(pieces: AsyncGenerator<Uint8Array>, close: () => void): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const { done, value } = await pieces.next();
          if (!done) return controller.enqueue(Uint8Array.from(value));
          close();
          controller.close();
        } catch (error) {
          close();
          throw error;
        }
      },
      cancel: close,
    },
    { highWaterMark: 0 },
  );
}

/**
 * @param path of the request line, with its query
 * @throws errors of the connection, and the signal's reason
 */
export async function sendRaw(url: URL, path: string, request: RawRequest): Promise<Response> {
  const { method, signal, serverName, proxy } = request;
  signal.throwIfAborted();
  const via = proxy === "" ? undefined : new URL(proxy);
  const isTunnel = via && url.protocol === "https:";
  const socket = isTunnel ? await openTunnel(url, via, signal) : openSocket(via ?? url, via ? undefined : serverName);
  const input = createInput(socket);
  const stop = () => void socket.destroy(signal.reason instanceof Error ? signal.reason : cutOff());
  signal.addEventListener("abort", stop, { once: true });
  const close = () => {
    signal.removeEventListener("abort", stop);
    socket.destroy();
  };
  try {
    socket.write(headOf(url, path, isTunnel ? undefined : via, request));
    const head = await readHead(input);
    const pieces = bodyOf(input, head, method);
    if (!pieces) close();
    return new Response(pieces ? asStream(pieces, close) : null, head);
  } catch (error) {
    close();
    throw signal.aborted ? signal.reason : error;
  }
}

const MAX_HOSTS = 1000;

/** Hosts whose responses fetch() did not understand, by HOST:PORT: they are asked by sendRaw() from then on. */
export interface RawHosts {
  has(host: string): boolean;
  add(host: string): void;
}

export function createRawHosts(): RawHosts {
  const hosts = new Set<string>();
  return {
    has: (host) => hosts.has(host),
    add(host) {
      hosts.add(host);
      const [oldest] = hosts;
      if (hosts.size > MAX_HOSTS && oldest !== undefined) hosts.delete(oldest);
    },
  };
}
