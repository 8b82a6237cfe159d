/**
 * Reads layout.conf, and returns the path of a distfile at a mirror by its layouts (GLEP 75).
 *   [structure]
 *   0=filename-hash BLAKE2B 8
 *   1=flat
 * Keys are read from 0 until a gap; entries that are not understood are passed over, as Portage does
 * (MirrorLayoutConfig); where none is left the mirror is flat. Paths here are not percent-quoted.
 */
import { createHash } from "node:crypto";
import type { Digests } from "./digests.ts";
import type { DistfileName } from "./name.ts";

/** The hashes that portcache computes on both sides; mirrors use BLAKE2B, tests of Portage SHA512. */
export type LayoutAlgorithm = "BLAKE2B" | "SHA512";

/** Cut-offs are bits, multiples of 4: `8:8` puts a file two folders deep. */
export type Layout =
  | { readonly kind: "flat" }
  | { readonly kind: "filename-hash"; readonly algorithm: LayoutAlgorithm; readonly cutoffs: readonly number[] }
  | { readonly kind: "content-hash"; readonly algorithm: LayoutAlgorithm; readonly cutoffs: readonly number[] };

export const FLAT: Layout = { kind: "flat" };

const HASH_BITS = 512;
const OPENSSL_NAMES = { BLAKE2B: "blake2b512", SHA512: "sha512" } as const;

/** One layout as layout.conf and `[server] layouts` spell it, or undefined where it is not one we know. */
export function parseLayout(text: string): Layout | undefined {
  const [kind, algorithm, cutoffs, ...rest] = text.trim().split(/\s+/);
  if (rest.length > 0) return undefined;
  if (kind === "flat") return algorithm === undefined ? FLAT : undefined;
  if (kind !== "filename-hash" && kind !== "content-hash") return undefined;
  if ((algorithm !== "BLAKE2B" && algorithm !== "SHA512") || cutoffs === undefined) return undefined;
  const bits = cutoffs.split(":").map((part) => (/^\d{1,3}$/.test(part) ? Number(part) : 0));
  if (bits.some((n) => n === 0 || n % 4 !== 0) || bits.reduce((sum, n) => sum + n, 0) > HASH_BITS) return undefined;
  return { kind, algorithm, cutoffs: bits };
}

/** A layout as layout.conf spells it; the inverse of parseLayout. */
export function formatLayout(layout: Layout): string {
  return layout.kind === "flat" ? "flat" : `${layout.kind} ${layout.algorithm} ${layout.cutoffs.join(":")}`;
}

/** Far more than any mirror needs; a longer text is not a layout.conf. */
export const MAX_LAYOUT_CONF_BYTES = 4 * 1024;

/** The layouts of a layout.conf, best first; never empty. Undefined where the text is not a layout.conf at all. */
export function parseLayoutConf(text: string): readonly Layout[] | undefined {
  if (text.length > MAX_LAYOUT_CONF_BYTES) return undefined;
  const entries = new Map<number, string>();
  let section = "";
  let sections = 0;
  for (const line of text.split(/\r?\n/)) {
    const head = /^\s*\[([^\]]*)\]\s*$/.exec(line);
    if (head) {
      section = head[1] ?? "";
      sections++;
      continue;
    }
    const pair = /^\s*(\d{1,4})\s*[=:](.*)$/.exec(line);
    if (section === "structure" && pair) entries.set(Number(pair[1]), pair[2] ?? "");
  }
  if (sections === 0) return undefined;
  const layouts: Layout[] = [];
  for (let key = 0; entries.has(key); key++) {
    const layout = parseLayout(entries.get(key) ?? "");
    if (layout) layouts.push(layout);
  }
  return layouts.length > 0 ? layouts : [FLAT];
}

/** The text of a layout.conf announcing these layouts in this order. */
export function formatLayoutConf(layouts: readonly Layout[]): string {
  return `[structure]\n${layouts.map((layout, key) => `${key}=${formatLayout(layout)}\n`).join("")}`;
}

/** Hash of a file's name, in lower-case hex. */
export function nameHash(algorithm: LayoutAlgorithm, name: string): string {
  return createHash(OPENSSL_NAMES[algorithm]).update(name).digest("hex");
}

/** The first 8 bits of BLAKE2B over the name: the folder of the standard Gentoo layout, and of the store. */
export function standardFolder(name: DistfileName): string {
  return nameHash("BLAKE2B", name).slice(0, 2);
}

/** Path of the file below `distfiles/`, or undefined where a content-hash layout needs a digest that is not known. */
export function layoutPath(layout: Layout, name: DistfileName, digests?: Digests): string | undefined {
  if (layout.kind === "flat") return name;
  const digest = layout.algorithm === "BLAKE2B" ? digests?.blake2b : digests?.sha512;
  const hash = layout.kind === "filename-hash" ? nameHash(layout.algorithm, name) : digest;
  if (hash === undefined) return undefined;
  const folders: string[] = [];
  let from = 0;
  for (const bits of layout.cutoffs) {
    folders.push(hash.slice(from, from + bits / 4));
    from += bits / 4;
  }
  return [...folders, layout.kind === "filename-hash" ? name : hash].join("/");
}

/** Returns whether `folders` (the path before the last component) are a cut-off of this hash, at whatever lengths. */
export function isCutoffOf(folders: readonly string[], hash: string): boolean {
  return folders.every((folder) => folder !== "") && hash.startsWith(folders.join(""));
}
