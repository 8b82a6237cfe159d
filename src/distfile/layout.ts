/**
 * Finds where a mirror keeps a distfile, by the layouts of its layout.conf (GLEP 75): `0=filename-hash BLAKE2B 8`, `1=flat`, …
 * below [structure]. Reads keys from 0 until a gap and passes over entries that are not understood, as Portage does
 * (MirrorLayoutConfig). Paths here are not percent-quoted.
 */
import { createHash } from "node:crypto";
import { algorithmOf, cryptoName, type Digests, type HashAlgorithm } from "./digests.ts";
import type { DistfileName } from "./name.ts";

/** The hashes of Portage that can be computed here, with their lengths in bits. */
const HASH_BITS = {
  BLAKE2B: 512,
  SHA512: 512,
  SHA3_512: 512,
  SHA3_256: 256,
  SHA256: 256,
  BLAKE2S: 256,
  RMD160: 160,
  SHA1: 160,
  MD5: 128,
} as const satisfies Record<"BLAKE2B" | HashAlgorithm, number>;

export type LayoutAlgorithm = keyof typeof HASH_BITS;

/** Cut-offs are bits, multiples of 4: `8:8` puts a file two folders deep. */
export type Layout =
  | { readonly kind: "flat" }
  | { readonly kind: "filename-hash"; readonly algorithm: LayoutAlgorithm; readonly cutoffs: readonly number[] }
  | { readonly kind: "content-hash"; readonly algorithm: LayoutAlgorithm; readonly cutoffs: readonly number[] };

export const FLAT: Layout = { kind: "flat" };

/** The layout of Gentoo's mirrors. */
export const STANDARD: Layout = { kind: "filename-hash", algorithm: "BLAKE2B", cutoffs: [8] };

function isAlgorithm(text: string | undefined): text is LayoutAlgorithm {
  return text !== undefined && Object.hasOwn(HASH_BITS, text);
}

/** Parses one layout as layout.conf spells it; undefined where it is unknown. */
export function parseLayout(text: string): Layout | undefined {
  const [kind, algorithm, cutoffs, ...rest] = text.trim().split(/\s+/);
  if (rest.length > 0) return undefined;
  if (kind === "flat") return algorithm === undefined ? FLAT : undefined;
  if (kind !== "filename-hash" && kind !== "content-hash") return undefined;
  if (!isAlgorithm(algorithm) || cutoffs === undefined) return undefined;
  const bits = cutoffs.split(":").map((part) => (/^\d{1,3}$/.test(part) ? Number(part) : 0));
  const sum = bits.reduce((total, n) => total + n, 0);
  if (bits.some((n) => n === 0 || n % 4 !== 0) || sum > HASH_BITS[algorithm]) return undefined;
  return { kind, algorithm, cutoffs: bits };
}

/** A layout as layout.conf spells it; the inverse of parseLayout. */
export function formatLayout(layout: Layout): string {
  return layout.kind === "flat" ? "flat" : `${layout.kind} ${layout.algorithm} ${layout.cutoffs.join(":")}`;
}

/** Far more than any mirror needs; a longer text is not a layout.conf. */
export const MAX_LAYOUT_CONF_BYTES = 4 * 1024;

/** Splits `KEY=VALUE` or `KEY: VALUE`; undefined where there is neither. */
function splitPair(line: string): readonly [key: string, value: string] | undefined {
  const at = line.search(/[=:]/);
  return at <= 0 ? undefined : [line.slice(0, at).trim(), line.slice(at + 1).trim()];
}

/** Returns the entries of the section [structure]; undefined where the text is not well-formed, or has no such section. */
function structureOf(text: string): ReadonlyMap<string, string> | undefined {
  if (text.length > MAX_LAYOUT_CONF_BYTES) return undefined;
  const entries = new Map<string, string>();
  const sections = new Set<string>();
  let section = "";
  for (const line of text.replace(/^\uFEFF/, "").split("\n")) {
    const trimmed = line.trim();
    if (trimmed === "" || /^[#;]/.test(trimmed)) continue;
    const header = /^\[([^\]]+)\]/.exec(trimmed)?.[1];
    if (header !== undefined) {
      section = header;
      sections.add(section);
      continue;
    }
    const pair = splitPair(trimmed);
    if (!pair || sections.size === 0) return undefined;
    if (section === "structure") entries.set(...pair);
  }
  return sections.has("structure") ? entries : undefined;
}

/**
 * Parses a layout.conf into its layouts, best first; never empty. Undefined where the text is no well-formed layout.conf, such as a
 * page of HTML or half of the file, or names no layout that is known here: that says nothing about where the mirror's files are.
 */
export function parseLayoutConf(text: string): readonly Layout[] | undefined {
  const entries = structureOf(text);
  if (!entries) return undefined;
  const layouts: Layout[] = [];
  for (let key = 0; entries.has(String(key)); key++) {
    const layout = parseLayout(entries.get(String(key)) ?? "");
    if (layout) layouts.push(layout);
  }
  return layouts.length > 0 ? layouts : undefined;
}

/** The text of a layout.conf announcing these layouts in this order. */
export function formatLayoutConf(layouts: readonly Layout[]): string {
  return `[structure]\n${layouts.map((layout, key) => `${key}=${formatLayout(layout)}\n`).join("")}`;
}

/** Hash of a file's name, in lower-case hex. */
export function nameHash(algorithm: LayoutAlgorithm, name: string): string {
  return createHash(algorithm === "BLAKE2B" ? "blake2b512" : cryptoName(algorithm))
    .update(name)
    .digest("hex");
}

/** The first 8 bits of BLAKE2B over the name: the folder of the standard Gentoo layout, and of the store. */
export function standardFolder(name: DistfileName): string {
  return nameHash("BLAKE2B", name).slice(0, 2);
}

function digestBy(algorithm: LayoutAlgorithm, { blake2b, sha512, other }: Partial<Digests> = {}): string | undefined {
  if (algorithm === "BLAKE2B") return blake2b;
  if (algorithm === "SHA512") return sha512;
  return other !== undefined && algorithmOf(other) === algorithm ? other.slice(algorithm.length + 1) : undefined;
}

/** Returns the file's path below `distfiles/`; undefined where a content-hash layout needs a digest that is not known. */
export function layoutPath(layout: Layout, name: DistfileName, digests?: Digests): string | undefined {
  if (layout.kind === "flat") return name;
  const hash = layout.kind === "filename-hash" ? nameHash(layout.algorithm, name) : digestBy(layout.algorithm, digests);
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
