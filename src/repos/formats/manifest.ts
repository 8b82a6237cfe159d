/**
 * What a package's Manifest promises of its distfiles (GLEP 44 and 74; Portage's manifest.py, _manifest_re):
 *   DIST name size HASH hex HASH hex …
 * with single blanks and at least one hash. All else (AUX, EBUILD and MISC lines, clear-sign armour, gemato's lines)
 * is passed over as Portage does. Of the hashes only BLAKE2B and SHA512 count; older ones leave an entry with a size.
 */
import { createHash } from "node:crypto";
import type { DistEntry } from "../../distfile/digests.ts";
import { parseDistfileName } from "../../distfile/name.ts";

/** A line that starts as a DIST line and cannot be used as one; lines count from 1. */
export interface SkippedLine {
  readonly line: number;
  readonly text: string;
}

export interface Manifest {
  /** In the order of the file, one per name. */
  readonly entries: readonly DistEntry[];
  readonly skipped: readonly SkippedLine[];
}

/** As nearly all lines are; what it takes apart needs no further look at its hashes. */
const USUAL_LINE = /^DIST (\S+) (\d+) BLAKE2B ([0-9a-f]{128}) SHA512 ([0-9a-f]{128})$/;
const DIST_LINE = /^DIST (\S+) (\d+)((?: \S+ \S+)+)$/;
const HASH = /^[0-9a-f]{128}$/i;
const EMPTY = { blake2b: createHash("blake2b512").digest("hex"), sha512: createHash("sha512").digest("hex") };

type Hashes = Pick<DistEntry, "blake2b" | "sha512">;

function agree(a: string | undefined, b: string | undefined): boolean {
  return a === undefined || b === undefined || a === b;
}

/** The size, or undefined beyond what is exact in a number. */
function parseSize(text: string): number | undefined {
  const size = Number(text);
  return Number.isSafeInteger(size) ? size : undefined;
}

/** Of two equal hash names on a line the last counts, as in Portage. */
function parseHashes(text: string): Hashes | undefined {
  const hashes: { blake2b?: string; sha512?: string } = {};
  const tokens = text.split(" ");
  for (let i = 1; i < tokens.length; i += 2) {
    const algorithm = tokens[i];
    if (algorithm !== "BLAKE2B" && algorithm !== "SHA512") continue;
    const hex = tokens[i + 1] ?? "";
    if (!HASH.test(hex)) return undefined;
    hashes[algorithm === "BLAKE2B" ? "blake2b" : "sha512"] = hex.toLowerCase();
  }
  return hashes;
}

/**
 * Whether size and hashes can be about one file. Portage discards the digests of a line with size 0 ("Zero-byte
 * distfiles are always invalid", fetch.py); here it holds where its hashes too are those of no bytes at all.
 */
function isPossible(size: number, { blake2b, sha512 }: Hashes): boolean {
  if (size > 0) return true;
  return (blake2b ?? sha512) !== undefined && agree(blake2b, EMPTY.blake2b) && agree(sha512, EMPTY.sha512);
}

function parseLine(line: string): DistEntry | undefined {
  const usual = USUAL_LINE.exec(line);
  const match = usual ?? DIST_LINE.exec(line);
  if (!match) return undefined;
  const name = parseDistfileName(match[1] ?? "");
  const size = parseSize(match[2] ?? "");
  const hashes = usual ? { blake2b: usual[3] ?? "", sha512: usual[4] ?? "" } : parseHashes(match[3] ?? "");
  if (name === undefined || size === undefined || hashes === undefined || !isPossible(size, hashes)) return undefined;
  return { name, size, ...hashes };
}

/** Both lines' hashes, or undefined where the two cannot be about the same content. */
function merge(first: DistEntry, second: DistEntry): DistEntry | undefined {
  const same = first.size === second.size && agree(first.blake2b, second.blake2b) && agree(first.sha512, second.sha512);
  return same ? { ...second, ...first } : undefined;
}

/** Never fails; where two lines of one name contradict each other the first holds and the second is skipped. */
export function parseManifest(text: string): Manifest {
  const entries = new Map<string, DistEntry>();
  const skipped: SkippedLine[] = [];
  let number = 0;
  for (const raw of text.split("\n")) {
    number++;
    if (!raw.startsWith("DIST")) continue;
    const line = raw.endsWith("\r") ? raw.slice(0, -1) : raw;
    const parsed = parseLine(line);
    const earlier = parsed && entries.get(parsed.name);
    const entry = parsed && earlier ? merge(earlier, parsed) : parsed;
    if (entry) entries.set(entry.name, entry);
    else skipped.push({ line: number, text: line });
  }
  return { entries: [...entries.values()], skipped };
}
