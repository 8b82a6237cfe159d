/**
 * What a request's path below /distfiles asks for (pure). The path is percent-decoded exactly once, so names keep their
 * literal `%2F`; doubled slashes count as one. Every layout of GLEP 75 that portcache knows is answered, whatever
 * it announces: clients remember the layout of yesterday.
 */
import { isCutoffOf, nameHash } from "../distfile/layout.ts";
import { type DistfileName, parseDistfileName } from "../distfile/name.ts";

export type Target =
  | { readonly kind: "layout.conf" }
  /** `folders` is empty in the flat layout; else they are a cut-off of the name's hash. */
  | { readonly kind: "name"; readonly name: DistfileName }
  /** content-hash layout: BLAKE2B or SHA512 of the content, or `name` where that may be a file's name as well. */
  | { readonly kind: "digest"; readonly digest: string; readonly name: DistfileName | undefined }
  | { readonly kind: "bad-name"; readonly reason: string }
  /** The folders are no cut-off of any hash of the name. */
  | { readonly kind: "wrong-folder" };

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    // Not UTF-8 or not percent-encoding: no file has such a name.
    return undefined;
  }
}

function fitsName(folders: readonly string[], name: DistfileName): boolean {
  return isCutoffOf(folders, nameHash("BLAKE2B", name)) || isCutoffOf(folders, nameHash("SHA512", name));
}

/** Scheme and host of a URL, and a query as short as what anybody means to say. */
const MOST_BESIDE_PATH = 512;

/**
 * The path of a URL as sent, without its query, with doubled slashes made one. A request that names no host (HTTP/1.0, as
 * health checks are) has nothing but the path for a URL.
 */
export function normalPath(url: string): string {
  const start = url.startsWith("/") ? 0 : url.indexOf("/", url.indexOf("//") + 2);
  const rest = start < 0 ? "/" : url.slice(start);
  const path = rest.includes("?") || rest.includes("#") ? rest.replace(/[?#].*$/s, "") : rest;
  const normal = path.includes("//") ? path.replace(/\/{2,}/g, "/") : path;
  // A piece of a text keeps all of it in memory, and this one is remembered in many places.
  return url.length - normal.length > MOST_BESIDE_PATH ? Buffer.from(normal).toString() : normal;
}

/** What stands behind the ? of a URL, as normalPath() takes it. */
export function queryOf(url: string): URLSearchParams {
  const start = url.indexOf("?");
  return new URLSearchParams(start < 0 ? "" : url.slice(start).replace(/#.*$/s, ""));
}

/** Paths remembered with what they ask for; about a quarter of a KiB each. */
const MOST_TARGETS = 16_384;
/** Longer ones are somebody's play, or names that hardly any file has, and not remembered. */
const LONGEST_TARGET = 400;

/** parseTarget() that remembers: most paths are asked for again and again, and each costs two hashes. */
export function createTargets(): (path: string) => Target {
  const targets = new Map<string, Target>();
  return (path) => {
    const known = targets.get(path);
    if (known) return known;
    const target = parseTarget(path);
    if (path.length > LONGEST_TARGET) return target;
    // Whoever asks for random names must not fill the memory; the paths in use are back soon.
    if (targets.size >= MOST_TARGETS) targets.clear();
    targets.set(path, target);
    return target;
  };
}

/** @param path normalPath() of a request, beginning with `/distfiles/` */
export function parseTarget(path: string): Target {
  const segments = path.slice("/distfiles/".length).split("/");
  const last = decode(segments.pop() ?? "");
  if (last === undefined) return { kind: "bad-name", reason: "it is not percent-encoded UTF-8" };
  if (segments.length === 0 && last === "layout.conf") return { kind: "layout.conf" };
  const name = parseDistfileName(last);
  if (name === undefined) {
    return { kind: "bad-name", reason: "it is empty, a dot name, over 255 bytes, or has a slash or control character" };
  }
  const folders = segments.map((segment) => segment.toLowerCase());
  const named = folders.length === 0 || fitsName(folders, name);
  const digest = /^[0-9a-f]{128}$/i.test(last) ? last.toLowerCase() : undefined;
  // Before the name: the first bits of one digest in 128 are those of its own hash, too.
  if (digest !== undefined && isCutoffOf(folders, digest)) {
    return { kind: "digest", digest, name: named ? name : undefined };
  }
  return named ? { kind: "name", name } : { kind: "wrong-folder" };
}
