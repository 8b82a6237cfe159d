/**
 * Plays one client of the storm: requests files in every way, reads them fast, slowly or not to the end, and compares each
 * answer that completes with the file.
 */
import { createHash } from "node:crypto";
import type { Random } from "./random.ts";
import type { Version, World } from "./world.ts";

/** Outcome of one request: "WRONG …" must never occur. */
export type Verdict = string;

export interface ClientDeps {
  readonly world: World;
  readonly random: Random;
  /** URL of the server, which may change with a restart. */
  readonly url: () => string;
  /** Returns whether the server was away at some time since then, so that a broken connection means nothing. */
  readonly wasAway: (since: number) => boolean;
  readonly signal: AbortSignal;
}

type Read = "whole" | "slowly" | "leave";

interface Asked {
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
/** Files up to this size are verified before the first byte; of larger ones the last piece is held back until then. */
const HELD_BYTES = 4 * 1024 * 1024;
const LAST_PIECE = 64 * 1024;
/** The failures that are allowed where mirrors send wrong bytes. */
const FAILED_WELL = new Set([502, 504]);

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

function draw({ world, random }: ClientDeps): Asked {
  // Most requests are for a few files.
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

/** Returns the content that the answer's ETag names; undefined without an ETag. */
function versionOf(response: Response, asked: Asked, { world }: ClientDeps): Version | string {
  const etag = response.headers.get("etag");
  const version = world.versions(asked.name).find((one) => one.etag === etag);
  if (!version) return `WRONG ETag ${etag}`;
  if (version.pastAt < asked.startedAt) return "WRONG content: one that no Manifest has any more";
  return version;
}

function judgeHead(response: Response, asked: Asked, version: Version): Verdict {
  const length = response.headers.get("content-length");
  if (response.status === 206 || response.status === 416) return "HEAD";
  return length === String(version.bytes.length) ? "HEAD" : `WRONG length ${length} for HEAD of ${asked.name}`;
}

function judge(response: Response, body: Uint8Array, asked: Asked, version: Version): Verdict {
  const { status, headers } = response;
  const size = version.bytes.length;
  if (asked.method === "HEAD") return judgeHead(response, asked, version);
  if (status === 200) return isSame(body, version, 0, size) ? "whole" : `WRONG bytes, ${body.length} of ${size}`;
  const part = partOf(asked.headers["range"] ?? "", size);
  if (!part) return `WRONG status ${status} for ${asked.headers["range"]} of ${size}`;
  const said = headers.get("content-range");
  if (said !== `bytes ${part[0]}-${part[1] - 1}/${size}`) return `WRONG Content-Range ${said}`;
  if (isSame(body, version, ...part)) return "range";
  // A range that ends before the last piece of a large file coming in is sent before the hash is known (docs/limits.md).
  const unchecked =
    !/; hit/.test(headers.get("cache-status") ?? "") && size > HELD_BYTES && part[1] <= size - LAST_PIECE;
  return unchecked ? "unverified range" : `WRONG bytes in ${said}, ${body.length}`;
}

async function judgeRefusal(response: Response): Promise<Verdict> {
  const text = await response.text();
  if (/ENOSPC|no space/i.test(text)) return `WRONG: a client was told of ${text.trim()}`;
  if (FAILED_WELL.has(response.status)) return `${response.status}`;
  return `WRONG status ${response.status}: ${text.trim().slice(0, 200)}`;
}

function judgeUnsatisfied(response: Response, asked: Asked, { world }: ClientDeps): Verdict {
  const said = response.headers.get("content-range");
  const could = world.versions(asked.name).some(({ bytes }) => {
    return said === `bytes */${bytes.length}` && !partOf(asked.headers["range"] ?? "", bytes.length);
  });
  return could ? "416" : `WRONG 416 with ${said} for ${asked.headers["range"]}`;
}

async function ask(asked: Asked, leaving: AbortController, deps: ClientDeps): Promise<Verdict> {
  const { method, headers, name } = asked;
  const late = setTimeout(() => leaving.abort(new Error("WRONG: no answer in 50 s")), FIRST_BYTE_MS);
  const { signal } = leaving;
  const response = await fetch(`${deps.url()}${asked.path}`, { method, headers, signal, decompress: false }).finally(
    () => clearTimeout(late),
  );
  if (response.status === 416) return judgeUnsatisfied(response, asked, deps);
  if (response.status === 304) return headers["if-none-match"] ? "304" : "WRONG: 304 unasked";
  // A content that was replaced between the draw and the request is outdated.
  if (response.status === 404 && deps.world.versions(name).length > 1 && /[0-9a-f]{128}$/.test(asked.path))
    return "404";
  if (response.status !== 200 && response.status !== 206) return await judgeRefusal(response);
  const version = versionOf(response, asked, deps);
  if (typeof version === "string") return version;
  const body = await readBody(response, asked.read, version.bytes.length, deps.random);
  if (body !== "left") return judge(response, body, asked, version);
  leaving.abort(new Error("left"));
  return "left";
}

/** Sends one request. @returns its outcome and its file */
export async function askOnce(deps: ClientDeps): Promise<{ readonly verdict: Verdict; readonly asked: Asked }> {
  const asked = draw(deps);
  const leaving = new AbortController();
  const over = setTimeout(() => leaving.abort(new Error("WRONG: not done in 120 s")), REQUEST_MS);
  try {
    return { verdict: await ask(asked, leaving, deps), asked };
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error);
    if (said.startsWith("WRONG")) return { verdict: said, asked };
    if (deps.wasAway(asked.startedAt)) return { verdict: "server away", asked };
    return { verdict: /refused|unable to connect/i.test(said) ? `WRONG: ${said}` : "broken off", asked };
  } finally {
    clearTimeout(over);
  }
}
