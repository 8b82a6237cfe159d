/**
 * Parses the DIST lines of a package's Manifest (GLEP 44, GLEP 74; portage: manifest.py, _manifest_re): `DIST name size HASH hex …`
 * with single blanks and at least one hash. Ignores other lines (AUX, EBUILD, MISC, signatures, gemato's) as Portage does. Of a
 * line with neither BLAKE2B nor SHA512 the strongest other hash counts; without one that can be computed here it has none.
 */
import { createHash } from "node:crypto";
import {
  algorithmOf,
  cryptoName,
  type DistEntry,
  hasHash,
  OTHER_ALGORITHMS,
  type OtherAlgorithm,
  type OtherHash,
} from "../../distfile/digests.ts";
import { parseDistfileName } from "../../distfile/name.ts";
import { cut } from "../../lib/text.ts";

/** An invalid DIST line; lines count from 1. */
export interface SkippedLine {
  readonly line: number;
  readonly text: string;
}

export interface Manifest {
  /** In the order of the file, one for each name. */
  readonly entries: readonly DistEntry[];
  /** The first invalid lines, and how many there are. */
  readonly skipped: readonly SkippedLine[];
  readonly skippedCount: number;
}

/** A name of 255 bytes and five hashes take a quarter of it; a longer line is invalid. */
export const MAX_DIST_LINE_CHARACTERS = 4 * 1024;
/** Names that a Manifest lists; the largest seen has 4,000. All of a package are read when one of its files is fetched. */
const MAX_DIST_NAMES = 10_000;
/** Invalid lines that are kept. */
const MAX_SKIPPED = 100;
/** Matches nearly all lines, and proves their hashes valid. */
const USUAL_LINE = /^DIST (\S+) (\d+) BLAKE2B ([0-9a-f]{128}) SHA512 ([0-9a-f]{128})$/;
const DIST_LINE = /^DIST (\S+) (\d+)((?: \S+ \S+)+)$/;
const HEX = /^[0-9a-f]+$/i;
const EMPTY = { blake2b: createHash("blake2b512").digest("hex"), sha512: createHash("sha512").digest("hex") };

function ofEmptyFile(algorithm: OtherAlgorithm): OtherHash {
  return `${algorithm} ${createHash(cryptoName(algorithm)).digest("hex")}`;
}

const EMPTY_OTHERS = new Map(OTHER_ALGORITHMS.map((algorithm) => [algorithm, ofEmptyFile(algorithm)]));

/** How many digits each hash has; others are ignored. */
const DIGITS: ReadonlyMap<string, number> = new Map([
  ["BLAKE2B", EMPTY.blake2b.length],
  ["SHA512", EMPTY.sha512.length],
  ...[...EMPTY_OTHERS].map(([algorithm, hash]): [string, number] => [algorithm, hash.length - algorithm.length - 1]),
]);

type Hashes = Pick<DistEntry, "blake2b" | "sha512" | "other">;

function agree(a: string | undefined, b: string | undefined): boolean {
  return a === undefined || b === undefined || a === b;
}

/** Returns false where both are of one algorithm and differ. */
function othersAgree(a: OtherHash | undefined, b: OtherHash | undefined): boolean {
  return a === undefined || b === undefined || a === b || algorithmOf(a) !== algorithmOf(b);
}

/** Returns undefined for sizes that a number cannot hold exactly. */
function parseSize(text: string): number | undefined {
  const size = Number(text);
  return Number.isSafeInteger(size) ? size : undefined;
}

/** Keeps the strongest hashes that can be computed here. */
function strongest(hashes: ReadonlyMap<string, string>): Hashes {
  const [blake2b, sha512] = [hashes.get("BLAKE2B"), hashes.get("SHA512")];
  if (blake2b !== undefined) return sha512 === undefined ? { blake2b } : { blake2b, sha512 };
  if (sha512 !== undefined) return { sha512 };
  const algorithm = OTHER_ALGORITHMS.find((one) => hashes.has(one));
  return algorithm === undefined ? {} : { other: `${algorithm} ${hashes.get(algorithm)}` };
}

/** Where a line has a hash twice, the last one counts, as in Portage. Ignores other hashes that are malformed. */
function parseHashes(text: string): Hashes | undefined {
  const hashes = new Map<string, string>();
  const tokens = text.split(" ");
  for (let i = 1; i < tokens.length; i += 2) {
    const [algorithm = "", hex = ""] = tokens.slice(i, i + 2);
    const isValid = hex.length === DIGITS.get(algorithm) && HEX.test(hex);
    if (isValid) hashes.set(algorithm, hex.toLowerCase());
    else if (algorithm === "BLAKE2B" || algorithm === "SHA512") return undefined;
  }
  return strongest(hashes);
}

/**
 * Returns whether one file can have this size and these hashes. Portage ignores the digests of a line with size 0
 * ("Zero-byte distfiles are always invalid", fetch.py); here the line is valid if its hashes are those of an empty file.
 */
function isPossible(size: number, { blake2b, sha512, other }: Hashes): boolean {
  if (size > 0) return true;
  if (other !== undefined) return other === EMPTY_OTHERS.get(algorithmOf(other));
  return (blake2b ?? sha512) !== undefined && agree(blake2b, EMPTY.blake2b) && agree(sha512, EMPTY.sha512);
}

function parseLine(line: string): DistEntry | undefined {
  if (line.length > MAX_DIST_LINE_CHARACTERS) return undefined;
  const usual = USUAL_LINE.exec(line);
  const match = usual ?? DIST_LINE.exec(line);
  if (!match) return undefined;
  const name = parseDistfileName(match[1] ?? "");
  const size = parseSize(match[2] ?? "");
  const hashes = usual ? { blake2b: usual[3] ?? "", sha512: usual[4] ?? "" } : parseHashes(match[3] ?? "");
  if (name === undefined || size === undefined || hashes === undefined || !isPossible(size, hashes)) return undefined;
  return { name, size, ...hashes };
}

/** Joins the hashes of two lines; undefined where they contradict each other. */
function merge(first: DistEntry, second: DistEntry): DistEntry | undefined {
  const same = first.size === second.size && agree(first.blake2b, second.blake2b) && agree(first.sha512, second.sha512);
  if (!same || !othersAgree(first.other, second.other)) return undefined;
  const { other, ...joined } = { ...second, ...first };
  return other === undefined || hasHash(joined) ? joined : { ...joined, other };
}

/**
 * Never throws. Where two lines of one name contradict each other, the first counts and the second is skipped; so are the lines of
 * names beyond the bound.
 */
export function parseManifest(text: string): Manifest {
  const entries = new Map<string, DistEntry>();
  const skipped: SkippedLine[] = [];
  let skippedCount = 0;
  let number = 0;
  const skip = (line: string) => {
    skippedCount++;
    if (skipped.length < MAX_SKIPPED) skipped.push({ line: number, text: cut(line, MAX_DIST_LINE_CHARACTERS) });
  };
  for (const raw of text.split("\n")) {
    number++;
    if (!raw.startsWith("DIST")) continue;
    const line = raw.endsWith("\r") ? raw.slice(0, -1) : raw;
    const parsed = parseLine(line);
    const earlier = parsed && entries.get(parsed.name);
    const entry = parsed && earlier ? merge(earlier, parsed) : parsed;
    if (entry && (earlier || entries.size < MAX_DIST_NAMES)) entries.set(entry.name, entry);
    else skip(line);
  }
  return { entries: [...entries.values()], skipped, skippedCount };
}
