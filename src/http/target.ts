/**
 * Parses a request's path below /distfiles (pure). The path is percent-decoded exactly once, so names keep their literal `%2F`;
 * doubled slashes count as one. Every layout of GLEP 75 is answered, whichever the server announces, because clients remember
 * the layout of yesterday.
 */
import { isCutoffOf, nameHash } from "../distfile/layout.ts";
import { type DistfileName, parseDistfileName } from "../distfile/name.ts";

/** Why parseDistfileName() refuses a name. */
export const INVALID_NAME =
  'it is empty, "." or "..", longer than 255 bytes, or contains a slash or a control character';

export type Target =
  | { readonly kind: "layout.conf" }
  /** Flat layout, or folders that are a cut-off of the name's hash. */
  | { readonly kind: "name"; readonly name: DistfileName }
  /** content-hash layout: BLAKE2B or SHA512 of the content; `name` if the digits may also be a file's name. */
  | { readonly kind: "digest"; readonly digest: string; readonly name: DistfileName | undefined }
  | { readonly kind: "bad-name"; readonly reason: string }
  /** The folders are not a cut-off of any hash of the name. */
  | { readonly kind: "wrong-folder" };

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    // Not UTF-8 or not percent-encoding: no file has such a name.
    return undefined;
  }
}

/** Decodes the last component of a path; empty, which names no file, where it is not valid. */
export function decodeName(text: string): string {
  return decode(text) ?? "";
}

function fitsName(folders: readonly string[], name: DistfileName): boolean {
  return isCutoffOf(folders, nameHash("BLAKE2B", name)) || isCutoffOf(folders, nameHash("SHA512", name));
}

/** Room for scheme, host and a short query. */
const MAX_BESIDE_PATH = 512;

/**
 * Returns the path of a URL as sent, without its query, with doubled slashes made one. The URL of a request without Host
 * (HTTP/1.0, as sent by health checks) is the path alone.
 */
export function normalPath(url: string): string {
  const start = url.startsWith("/") ? 0 : url.indexOf("/", url.indexOf("//") + 2);
  const rest = start < 0 ? "/" : url.slice(start);
  const path = rest.includes("?") || rest.includes("#") ? rest.replace(/[?#].*$/s, "") : rest;
  const normal = path.includes("//") ? path.replace(/\/{2,}/g, "/") : path;
  // A slice keeps the whole string in memory, and the path is remembered in many places.
  return url.length - normal.length > MAX_BESIDE_PATH ? Buffer.from(normal).toString() : normal;
}

/** Returns the query of a URL as normalPath() accepts it. */
export function queryOf(url: string): URLSearchParams {
  const start = url.indexOf("?");
  return new URLSearchParams(start < 0 ? "" : url.slice(start).replace(/#.*$/s, ""));
}

/** Remembered paths; about a quarter of a KiB each. */
const MAX_TARGETS = 16_384;
/** Hardly any file has a longer path. */
const MAX_TARGET_LENGTH = 400;

/** Makes a parseTarget() that remembers: most paths are requested again and again, and each costs two hashes. */
export function createTargetParser(): (path: string) => Target {
  const targets = new Map<string, Target>();
  return (path) => {
    const known = targets.get(path);
    if (known) return known;
    const target = parseTarget(path);
    if (path.length > MAX_TARGET_LENGTH) return target;
    // Requests for random names must not fill the memory; the paths in use are back soon.
    if (targets.size >= MAX_TARGETS) targets.clear();
    targets.set(path, target);
    return target;
  };
}

/** The folders of a hash take twice its digits, a name of 255 bytes three times that in percent-encoding. */
const MAX_PATH_CHARACTERS = 2 * 1024;

/** @param path normalPath() of a request, beginning with `/distfiles/` */
export function parseTarget(path: string): Target {
  if (path.length > MAX_PATH_CHARACTERS) return { kind: "bad-name", reason: INVALID_NAME };
  const segments = path.slice("/distfiles/".length).split("/");
  const last = decode(segments.pop() ?? "");
  if (last === undefined) return { kind: "bad-name", reason: "it is not percent-encoded UTF-8" };
  if (segments.length === 0 && last === "layout.conf") return { kind: "layout.conf" };
  const name = parseDistfileName(last);
  if (name === undefined) return { kind: "bad-name", reason: INVALID_NAME };
  const folders = segments.map((segment) => segment.toLowerCase());
  const named = folders.length === 0 || fitsName(folders, name);
  const digest = /^[0-9a-f]{128}$/i.test(last) ? last.toLowerCase() : undefined;
  // Before the name: of one digest in 128 the first bits are also those of its own hash.
  if (digest !== undefined && isCutoffOf(folders, digest)) {
    return { kind: "digest", digest, name: named ? name : undefined };
  }
  return named ? { kind: "name", name } : { kind: "wrong-folder" };
}
