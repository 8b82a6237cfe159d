/**
 * Plays one client of the storm: requests files in every way, reads them fast, slowly or not to the end, and compares each
 * response that completes with the file.
 */
import { createHash } from "node:crypto";
import type { Random } from "./random.ts";
import type { Version, World } from "./world.ts";

/** How one request ended; "WRONG …" must never happen. */
export type Outcome = string;

export interface ClientDeps {
  readonly world: World;
  readonly random: Random;
  /** The server's URL, which changes with a restart. */
  readonly url: () => string;
  /** Returns whether the server was down at any time since that instant, so that a broken connection means nothing. */
  readonly wasAway: (since: number) => boolean;
  readonly signal: AbortSignal;
}

type Read = "whole" | "slowly" | "leave";

interface ClientRequest {
  readonly name: string;
  readonly path: string;
  readonly method: "GET" | "HEAD";
  readonly headers: Record<string, string>;
  readonly read: Read;
  readonly startedAt: number;
}

/** Portage's wget gives up after 60 s of silence. */
const FIRST_BYTE_MS = 50_000;
const REQUEST_MS = 120_000;
const SLOW_PIECES = 12;
const SLOW_PAUSE_MS = 120;
/** Files up to this size are verified before the first byte is sent; of larger ones only the last piece waits. */
const HELD_BYTES = 4 * 1024 * 1024;
const LAST_PIECE = 64 * 1024;
/** How a request may fail where mirrors send wrong bytes. */
const ALLOWED_ERRORS = new Set([502, 504]);

function pathOf(name: string, world: World, random: Random): string {
  const digest = (algorithm: string) => createHash(algorithm).update(name).digest("hex");
  const blake = digest("blake2b512");
  const content = world.versions(name)[0]?.blake2b ?? "";
  return random.pick([
    `/distfiles/${name}`,
    `/distfiles/${blake.slice(0, 2)}/${name}`,
    `//distfiles/${blake.slice(0, 2)}//${blake.slice(2, 4)}/${name}`,
    `/distfiles/${digest("sha512").slice(0, 2)}/${name}`,
    `/distfiles/${content.slice(0, 2)}/${content}`,
  ]);
}

function drawRange(size: number, random: Random): string {
  const from = random.below(size);
  const to = from + random.below(size - from);
  return random.pick([
    `bytes=${from}-`,
    `bytes=${from}-${to}`,
    `bytes=-${1 + random.below(size)}`,
    `bytes=0-0`,
    `bytes=${size - 1}-`,
    `bytes=${size + random.below(99)}-`,
  ]);
}

function draw({ world, random }: ClientDeps): ClientRequest {
  // A few files get most of the requests.
  const name = world.names[Math.min(random.below(world.names.length), random.below(world.names.length))] ?? "";
  const size = world.versions(name)[0]?.content.size ?? 1;
  const headers: Record<string, string> = {};
  const etag = world.versions(name).at(-1)?.etag ?? "";
  if (random.percent(35)) headers["range"] = drawRange(size, random);
  if (headers["range"] && random.percent(30)) headers["if-range"] = etag;
  if (random.percent(10)) headers["if-none-match"] = etag;
  return {
    name,
    path: pathOf(name, world, random),
    method: random.percent(8) ? "HEAD" : "GET",
    headers,
    read: random.percent(15) ? "leave" : random.percent(15) ? "slowly" : "whole",
    startedAt: performance.now(),
  };
}

async function readBody(response: Response, how: Read, size: number, random: Random): Promise<Uint8Array | "left"> {
  if (!response.body) return new Uint8Array();
  const pieces: Uint8Array[] = [];
  let length = 0;
  const until = how === "leave" ? random.below(size) : Number.POSITIVE_INFINITY;
  let sincePause = 0;
  for await (const piece of response.body) {
    pieces.push(piece);
    length += piece.length;
    sincePause += piece.length;
    if (length > until) return "left";
    if (how === "slowly" && sincePause > size / SLOW_PIECES) {
      sincePause = 0;
      await Bun.sleep(SLOW_PAUSE_MS);
    }
  }
  return Buffer.concat(pieces);
}

function isSame(body: Uint8Array, version: Version, start: number, end: number): boolean {
  return Buffer.compare(body, version.bytes.subarray(start, end)) === 0;
}

function partOf(range: string, size: number): readonly [number, number] | undefined {
  const [, from = "", to = ""] = /^bytes=(\d*)-(\d*)$/.exec(range) ?? [];
  if (from === "") return [Math.max(0, size - Number(to)), size];
  if (Number(from) >= size) return undefined;
  return [Number(from), to === "" ? size : Math.min(size, Number(to) + 1)];
}

/** Returns the version that the response claims to be by its ETag, or what is wrong with it. */
function versionOf(response: Response, request: ClientRequest, { world }: ClientDeps): Version | string {
  const etag = response.headers.get("etag");
  const version = world.versions(request.name).find((one) => one.etag === etag);
  if (!version) return `WRONG ETag ${etag}`;
  if (version.outdatedAt < request.startedAt) return "WRONG content: no Manifest lists it any more";
  return version;
}

function checkHead(response: Response, request: ClientRequest, version: Version): Outcome {
  const length = response.headers.get("content-length");
  if (response.status === 206 || response.status === 416) return "HEAD";
  return length === String(version.bytes.length) ? "HEAD" : `WRONG length ${length} for HEAD of ${request.name}`;
}

function checkBody(
  response: Response,
  body: Uint8Array,
  request: ClientRequest,
  version: Version,
  { world }: ClientDeps,
): Outcome {
  const { status, headers } = response;
  const size = version.bytes.length;
  if (request.method === "HEAD") return checkHead(response, request, version);
  // The server looks at a stored file before it answers, and another program may change it right after.
  if (world.wasMeddled(request.name, request.startedAt)) return "meddled";
  if (status === 200) return isSame(body, version, 0, size) ? "whole" : `WRONG bytes, ${body.length} of ${size}`;
  const part = partOf(request.headers["range"] ?? "", size);
  if (!part) return `WRONG status ${status} for ${request.headers["range"]} of ${size}`;
  const said = headers.get("content-range");
  if (said !== `bytes ${part[0]}-${part[1] - 1}/${size}`) return `WRONG Content-Range ${said}`;
  if (isSame(body, version, ...part)) return "range";
  // A range that ends before the last piece of a large file is sent while the file is downloaded and not yet verified
  // (docs/limits.md).
  const unchecked =
    !/; hit/.test(headers.get("cache-status") ?? "") && size > HELD_BYTES && part[1] <= size - LAST_PIECE;
  return unchecked ? "unverified range" : `WRONG bytes in ${said}, ${body.length}`;
}

async function checkError(response: Response, { name, startedAt }: ClientRequest, world: World): Promise<Outcome> {
  const text = await response.text();
  if (/ENOSPC|no space/i.test(text)) return `WRONG: a client saw the server's disk error: ${text.trim()}`;
  if (ALLOWED_ERRORS.has(response.status)) return `${response.status}`;
  if (/removed from the store during this request/.test(text) && world.wasMeddled(name, startedAt)) return "removed";
  return `WRONG status ${response.status}: ${text.trim().slice(0, 200)}`;
}

function checkUnsatisfied(response: Response, request: ClientRequest, { world }: ClientDeps): Outcome {
  const said = response.headers.get("content-range");
  const could = world.versions(request.name).some(({ bytes }) => {
    return said === `bytes */${bytes.length}` && !partOf(request.headers["range"] ?? "", bytes.length);
  });
  return could ? "416" : `WRONG 416 with ${said} for ${request.headers["range"]}`;
}

async function exchange(request: ClientRequest, leaving: AbortController, deps: ClientDeps): Promise<Outcome> {
  const { method, headers, name } = request;
  const late = setTimeout(() => leaving.abort(new Error("WRONG: no response in 50 s")), FIRST_BYTE_MS);
  const { signal } = leaving;
  const response = await fetch(`${deps.url()}${request.path}`, { method, headers, signal, decompress: false }).finally(
    () => clearTimeout(late),
  );
  if (response.status === 416) return checkUnsatisfied(response, request, deps);
  if (response.status === 304) return headers["if-none-match"] ? "304" : "WRONG: 304 unasked";
  // The content may have been replaced since the request was drawn.
  if (response.status === 404 && deps.world.versions(name).length > 1 && /[0-9a-f]{128}$/.test(request.path))
    return "404";
  if (response.status !== 200 && response.status !== 206) return await checkError(response, request, deps.world);
  const version = versionOf(response, request, deps);
  if (typeof version === "string") return version;
  const body = await readBody(response, request.read, version.bytes.length, deps.random);
  if (body !== "left") return checkBody(response, body, request, version, deps);
  leaving.abort(new Error("left"));
  return "left";
}

/** Sends one random request and checks the response. */
export async function sendRequest(
  deps: ClientDeps,
): Promise<{ readonly outcome: Outcome; readonly request: ClientRequest }> {
  const request = draw(deps);
  const leaving = new AbortController();
  const over = setTimeout(() => leaving.abort(new Error("WRONG: not done in 120 s")), REQUEST_MS);
  try {
    return { outcome: await exchange(request, leaving, deps), request };
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error);
    if (said.startsWith("WRONG")) return { outcome: said, request };
    if (deps.wasAway(request.startedAt)) return { outcome: "server away", request };
    return { outcome: /refused|unable to connect/i.test(said) ? `WRONG: ${said}` : "broken off", request };
  } finally {
    clearTimeout(over);
  }
}
