/**
 * A file of metadata/md5-cache (PMS 14.3; portage's cache/flat_hash.py), pure: `KEY=value` lines, `_md5_` is the MD5 of
 * the ebuild, `_eclasses_` is NAME\tMD5 pairs. A key that is not there is empty.
 */

export interface EbuildMetadata {
  readonly eapi: string;
  /** SRC_URI, RESTRICT and HOMEPAGE as the ebuild and its eclasses leave them, runs of white space as one blank. */
  readonly srcUri: string;
  readonly restrict: string;
  readonly homepage: string;
  /** Names of all eclasses inherited, each once, those that an eclass inherits itself before it. */
  readonly inherited: readonly string[];
}

export interface CachedMetadata {
  readonly metadata: EbuildMetadata;
  /** MD5 of the ebuild that it was made from, in lower-case hex. */
  readonly md5: string;
  /** MD5 of each eclass that went into it, by name. */
  readonly eclasses: ReadonlyMap<string, string>;
}

const MD5 = /^[0-9a-f]{32}$/;

/** Pairs of name and MD5; undefined where they are not. Some writers put a path between the two. */
export function parseEclasses(text: string): ReadonlyMap<string, string> | undefined {
  const eclasses = new Map<string, string>();
  const fields = text === "" ? [] : text.split("\t");
  const step = fields.length % 3 === 0 && !MD5.test(fields[1] ?? "") ? 3 : 2;
  for (let at = 0; at < fields.length; at += step) {
    const [name, md5] = [fields[at], fields[at + step - 1]];
    if (!name || md5 === undefined || !MD5.test(md5)) return undefined;
    eclasses.set(name, md5);
  }
  return eclasses;
}

/** As parseEclasses() reads them. */
export function formatEclasses(eclasses: ReadonlyMap<string, string>): string {
  return [...eclasses].flat().join("\t");
}

/** @returns undefined where it is no such file, or does not say which ebuild it belongs to */
export function parseMd5Cache(text: string): CachedMetadata | undefined {
  const values = new Map<string, string>();
  for (const line of text.split("\n")) {
    const equals = line.indexOf("=");
    if (equals > 0) values.set(line.slice(0, equals), line.slice(equals + 1));
  }
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
