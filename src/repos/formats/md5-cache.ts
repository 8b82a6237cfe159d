/**
 * Parses a file of metadata/md5-cache (PMS 14.3; portage: cache/flat_hash.py): `KEY=value` lines, where `_md5_` is the MD5 of
 * the ebuild and `_eclasses_` has NAME\tMD5 pairs. A missing key is empty. Pure.
 */

/** What an ebuild says about fetching its files (PMS 7.2, 7.3). */
export interface EbuildMetadata {
  readonly eapi: string;
  /** SRC_URI, RESTRICT and HOMEPAGE as the ebuild and its eclasses leave them, each run of white space as one blank. */
  readonly srcUri: string;
  readonly restrict: string;
  readonly homepage: string;
  /** Names of inherited eclasses, each once; an eclass comes after those that it inherits itself. */
  readonly inherited: readonly string[];
}

export interface CachedMetadata {
  readonly metadata: EbuildMetadata;
  /** MD5 of the ebuild, in lower-case hex. */
  readonly md5: string;
  /** MD5s of all inherited eclasses, by name. */
  readonly eclasses: ReadonlyMap<string, string>;
}

const MD5 = /^[0-9a-f]{32}$/;

/** An ebuild inherits fewer than 100 eclasses, and each is looked up. */
const MAX_ECLASS_FIELDS = 3 * 256;

/** Parses pairs of name and MD5; some tools write a path between the two. Returns undefined for any other text. */
export function parseEclasses(text: string): ReadonlyMap<string, string> | undefined {
  const eclasses = new Map<string, string>();
  const fields = text === "" ? [] : text.split("\t");
  if (fields.length > MAX_ECLASS_FIELDS) return undefined;
  const step = fields.length % 3 === 0 && !MD5.test(fields[1] ?? "") ? 3 : 2;
  for (let at = 0; at < fields.length; at += step) {
    const [name, md5] = [fields[at], fields[at + step - 1]];
    if (!name || md5 === undefined || !MD5.test(md5)) return undefined;
    eclasses.set(name, md5);
  }
  return eclasses;
}

/** Formats eclasses as parseEclasses() reads them. */
export function formatEclasses(eclasses: ReadonlyMap<string, string>): string {
  return [...eclasses].flat().join("\t");
}

/** The keys that count. */
const KEYS: ReadonlySet<string> = new Set(["EAPI", "HOMEPAGE", "RESTRICT", "SRC_URI", "_eclasses_", "_md5_"]);
const LONGEST_KEY = 10;

/** Reads the values of the keys that count; a text may have any number of others. */
function readValues(text: string): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  for (let start = 0, end = 0; start < text.length; start = end + 1) {
    end = text.indexOf("\n", start);
    if (end < 0) end = text.length;
    const line = text.slice(start, Math.min(end, start + LONGEST_KEY + 1));
    const key = line.slice(0, Math.max(0, line.indexOf("=")));
    if (KEYS.has(key)) values.set(key, text.slice(start + key.length + 1, end));
  }
  return values;
}

/** Returns undefined where the text is not a valid md5-cache file, or has no MD5 of the ebuild. */
export function parseMd5Cache(text: string): CachedMetadata | undefined {
  const values = readValues(text);
  const md5 = values.get("_md5_") ?? "";
  const eclasses = parseEclasses(values.get("_eclasses_") ?? "");
  if (!MD5.test(md5) || !eclasses) return undefined;
  const metadata = {
    eapi: values.get("EAPI") ?? "0",
    srcUri: values.get("SRC_URI") ?? "",
    restrict: values.get("RESTRICT") ?? "",
    homepage: values.get("HOMEPAGE") ?? "",
    inherited: [...eclasses.keys()],
  };
  return { metadata, md5, eclasses };
}
