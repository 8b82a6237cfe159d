import { afterAll, beforeAll, expect, test } from "bun:test";
import { once } from "node:events";
import { createServer } from "node:net";
import { NotModifiedError, SourceError } from "../distfile/errors.ts";
import { systemClock } from "../lib/clock.ts";
import { createSemaphore } from "../lib/semaphore.ts";
import { readContent } from "../testing/content.ts";
import { type FakeUpstream, startFakeUpstream } from "../testing/fake-upstream.ts";
import type { Fault } from "../testing/faults.ts";
import { createBodyTurns } from "./body-turns.ts";
import { getText } from "./get-text.ts";
import { createHostGate } from "./host-gate.ts";
import { createLoopGuard } from "./loop-guard.ts";
import { createPinAddress } from "./pinned-address.ts";
import { createRawHosts } from "./raw-request.ts";
import { createUpstreamClient, type UpstreamRequest, type UpstreamSettings } from "./request.ts";

const FILE = "/file.bin";
const content = { size: 100_000, seed: 7 };
let upstream: FakeUpstream;

beforeAll(async () => {
  upstream = await startFakeUpstream({
    files: new Map<string, string | typeof content>([
      [FILE, content],
      ["/long.txt", "x".repeat(70_000)],
      ["/short.txt", "hello"],
    ]),
  });
});
afterAll(async () => await upstream.close());

function client(settings: Partial<UpstreamSettings> = {}, loopHeaders: Record<string, string> = {}) {
  const defaults = {
    connectTimeoutMs: 2_000,
    stallTimeoutMs: 400,
    userAgent: "test",
    proxyFor: () => "",
    privateNetworks: true,
    pinAddress: createPinAddress({ clock: systemClock }),
    hostGate: createHostGate(systemClock.now),
    rawHosts: createRawHosts(),
    enterBody: createBodyTurns(),
    slots: createSemaphore(1),
  };
  return createUpstreamClient({ ...defaults, ...settings }, loopHeaders);
}

function get(request: Partial<UpstreamRequest> = {}): UpstreamRequest {
  return { method: "GET", url: upstream.url + FILE, trustedOrigin: undefined, offset: 0, ...request };
}

async function readAll(request: UpstreamRequest, settings: Partial<UpstreamSettings> = {}, signal?: AbortSignal) {
  const response = await client(settings).send(request, signal);
  const pieces: Uint8Array[] = [];
  for (let piece = await response.read(); piece; piece = await response.read()) pieces.push(piece);
  response.close();
  return { ...response, bytes: Buffer.concat(pieces) };
}

async function failureOf(
  faults: readonly Fault[],
  request: UpstreamRequest = get(),
  settings: Partial<UpstreamSettings> = {},
) {
  upstream.setFault(FILE, ...faults);
  try {
    await readAll(request, settings);
    return undefined;
  } catch (error) {
    return error instanceof SourceError ? [error.kind, error.message] : error;
  } finally {
    upstream.setFault(FILE);
  }
}

test("a client's requests carry the loop headers of the request that it is bound to", async () => {
  const received = new Headers({ via: "1.1 portcache-2" });
  const bound = client({}, createLoopGuard("portcache-1").headersFor(received));
  for (const method of ["HEAD", "GET"] as const) (await bound.send(get({ method }))).close();
  for (const { headers } of upstream.fileRequests(FILE).slice(-2)) {
    expect(headers).toMatchObject({
      via: "1.1 portcache-2, 1.1 portcache-1",
      "cdn-loop": "portcache-1",
      "accept-encoding": "identity",
      "user-agent": "test",
    });
  }
});

test("a file is read whole, and its rest from an offset under the validator", async () => {
  const whole = await readAll(get());
  expect([whole.partial, whole.total, whole.bytes.equals(readContent(content))]).toEqual([false, content.size, true]);
  const rest = await readAll(get({ offset: 60_000, validator: whole.etag }));
  expect([rest.partial, rest.offset, rest.total, rest.bytes.length]).toEqual([true, 60_000, content.size, 40_000]);
  const other = await readAll(get({ offset: 60_000, validator: '"another"' }));
  expect([other.partial, other.offset, other.bytes.length]).toEqual([false, 0, content.size]);
});

test("304 is an answer to a conditional request only", async () => {
  const { etag = "" } = await readAll(get());
  const conditional = client().send(get({ conditions: { "if-none-match": etag } }));
  expect(await conditional.catch((error: unknown) => error)).toBeInstanceOf(NotModifiedError);
});

test("failures have a kind, and say in plain words what happened", async () => {
  expect(await failureOf([{ kind: "status", status: 404 }])).toEqual(["absent", "answered 404"]);
  expect(await failureOf([{ kind: "status", status: 503 }])).toEqual(["failed", "answered 503"]);
  expect(await failureOf([{ kind: "stall-headers" }])).toEqual(["timeout", "no answer within 0.4 s"]);
  expect(await failureOf([{ kind: "stall", at: 10_000 }])).toEqual(["timeout", "stalled for 0.4 s"]);
  expect(await failureOf([{ kind: "reset", at: 10_000 }])).toEqual(["failed", "broke off: connection reset"]);
  expect(await failureOf([{ kind: "redirect", to: "ftp://127.0.0.1/x" }])).toEqual([
    "bad",
    "redirects to ftp:, only http and https are followed",
  ]);
  expect(await failureOf([{ kind: "redirect-loop" }])).toEqual(["failed", "redirects more than 20 times"]);
  expect(await failureOf([], get({ url: "http://127.0.0.1:1/x" }))).toEqual(["failed", "connection refused"]);
  expect(await failureOf([{ kind: "wrong-start" }], get({ offset: 50 }))).toEqual([
    "bad",
    expect.stringContaining("bytes=50-"),
  ]);
});

test("an address that is not public is refused, unless its origin is trusted", async () => {
  const settings = { privateNetworks: false };
  expect(await failureOf([], get(), settings)).toEqual(["bad", expect.stringContaining("not a public address")]);
  expect(await failureOf([], get({ trustedOrigin: upstream.url }), settings)).toBeUndefined();
});

test("the caller's signal ends a read with its reason", async () => {
  upstream.setFault(FILE, { kind: "stall", at: 10_000 });
  const controller = new AbortController();
  setTimeout(() => controller.abort(new SourceError("failed", "not needed any more")), 50);
  await expect(readAll(get(), {}, controller.signal)).rejects.toThrow("not needed any more");
  upstream.setFault(FILE);
});

test("chunks of one byte come in large pieces", async () => {
  const bytes = 20_000;
  // White space that fetch() does not accept.
  const head = "HTTP/1.1  200  OK\nTransfer-Encoding : chunked\n\n";
  const server = createServer((socket) => {
    socket.once("data", () => socket.end(`${head}${"1\r\nx\r\n".repeat(bytes)}0\r\n\r\n`));
    socket.on("error", () => undefined);
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const address = server.address();
  const port = typeof address === "object" ? address?.port : undefined;
  const response = await client().send(get({ url: `http://127.0.0.1:${port}/x` }));
  let [pieces, length] = [0, 0];
  for (let piece = await response.read(); piece; piece = await response.read()) {
    pieces++;
    length += piece.length;
  }
  server.close();
  expect(length).toBe(bytes);
  expect(pieces).toBeLessThan(200);
});

test("getText() reads small texts only", async () => {
  expect(await getText(client(), `${upstream.url}/short.txt`, upstream.url, 5)).toBe("hello");
  await expect(getText(client(), `${upstream.url}/long.txt`, upstream.url, 65_536)).rejects.toThrow(
    "is longer than 65536 bytes",
  );
});

test("each piece of a body waits for its turn, which the stall time-out does not count", async () => {
  const { promise: turn, resolve: begin } = Promise.withResolvers<void>();
  const response = await client({
    enterBody: () => ({ next: () => turn, leave: () => undefined }),
    stallTimeoutMs: 200,
  }).send(get());
  const first = response.read();
  expect(await Promise.race([first.then(() => "read"), Bun.sleep(500).then(() => "waiting")])).toBe("waiting");
  begin();
  expect((await first)?.length).toBeGreaterThan(0);
  response.close();
});
