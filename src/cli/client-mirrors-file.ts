/**
 * Edits the line `local http://cachebox:8000 # portcache` in /etc/portage/mirrors of a client machine; every other byte stays.
 * Portage tries `local` mirrors before all others, in the order of the lines; a # begins a comment at any word (portage: util
 * grabdict). The path may be a folder, whose files Portage reads in the order of their names.
 */
import {
  chmodSync,
  chownSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname } from "node:path";
import { exists } from "../lib/exists.ts";
import { withoutTrailing, wordsOf } from "../lib/text.ts";

/** The line that portcache wrote; switched off, it is commented out. */
export interface OwnLine {
  readonly url: string;
  readonly on: boolean;
}

/** Distinguishes our line from the admin's. */
const MARK = "# portcache";
/** `local`, one URL, and the mark. */
const OWN_LINE = /^\s*(#\s*)?local\s+(\S+)\s+#\s*portcache\s*$/;

function lineOf({ url, on }: OwnLine): string {
  return `${on ? "" : "#"}local ${url} ${MARK}`;
}

function parse(line: string): OwnLine | undefined {
  const [, hash, url] = OWN_LINE.exec(line) ?? [];
  return url === undefined ? undefined : { url, on: hash === undefined };
}

/** The URLs of a line of `local` mirrors; none if the line is another. */
function localUrls(line: string): readonly string[] {
  const words = wordsOf(line);
  const comment = words.findIndex((word) => word.startsWith("#"));
  const [name, ...urls] = comment < 0 ? words : words.slice(0, comment);
  return name === "local" ? urls : [];
}

export function withoutSlashes(url: string): string {
  return withoutTrailing(url, "/");
}

const isSame = (url: string) => (other: string) => withoutSlashes(other) === withoutSlashes(url);

/** Finds the first line that portcache wrote. */
export function findOwnLine(text: string): OwnLine | undefined {
  for (const line of text.split("\n")) {
    const own = parse(line);
    if (own) return own;
  }
  return undefined;
}

/** Returns whether the URL is among the `local` mirrors, no matter who wrote the line. */
export function hasMirror(text: string, url: string): boolean {
  return text.split("\n").some((line) => localUrls(line).some(isSame(url)));
}

function replaceOwn(text: string, own: (before: OwnLine) => OwnLine): string {
  return text
    .split("\n")
    .map((line) => {
      const before = parse(line);
      return before ? lineOf(own(before)) : line;
    })
    .join("\n");
}

/** Puts the line before all lines in force, below the comments at the beginning of the file. */
function insert(text: string, line: string): string {
  const lines = text === "" ? [] : text.replace(/\n$/, "").split("\n");
  const at = lines.findIndex((one) => !/^\s*(#|$)/.test(one));
  lines.splice(at < 0 ? lines.length : at, 0, line);
  return `${lines.join("\n")}\n`;
}

/** The text with this mirror in force; the same text if it is already. */
export function switchTo(text: string, url: string): string {
  if (hasMirror(text, url)) return text;
  if (findOwnLine(text)) return replaceOwn(text, () => ({ url, on: true }));
  return insert(text, lineOf({ url, on: true }));
}

/** Moves the URL from a line that the admin wrote to a commented line of ours. */
function extractOff(text: string, url: string): string {
  const lines = text.split("\n").flatMap((line) => {
    const urls = localUrls(line);
    if (!urls.some(isSame(url))) return [line];
    const others = urls.filter((other) => !isSame(url)(other));
    return [lineOf({ url, on: false }), ...(others.length > 0 ? [`local ${others.join(" ")}`] : [])];
  });
  return lines.join("\n");
}

/**
 * The text with the line commented out; undefined if there is none.
 * @param url needed only if the line was not written by switchTo()
 */
export function switchOff(text: string, url: string | undefined): string | undefined {
  if (findOwnLine(text)) return replaceOwn(text, ({ url: own }) => ({ url: own, on: false }));
  return url !== undefined && hasMirror(text, url) ? extractOff(text, url) : undefined;
}

/** The text with the line in force again; undefined if there is none. */
export function switchOn(text: string): string | undefined {
  return findOwnLine(text) ? replaceOwn(text, ({ url }) => ({ url, on: true })) : undefined;
}

/**
 * The text without the line; undefined if there is none.
 * @param url as for switchOff()
 */
export function remove(text: string, url: string | undefined): string | undefined {
  if (!findOwnLine(text)) {
    const off = switchOff(text, url);
    return off === undefined ? undefined : remove(off, undefined);
  }
  return text
    .split("\n")
    .filter((line) => parse(line) === undefined)
    .join("\n");
}

export interface MirrorsFile {
  /** The file that has the line, or is to get it. */
  readonly path: string;
  /** Empty if there is no such file. */
  readonly text: string;
}

/** The file to add to a folder; its name sorts before others. */
const FILE_IN_FOLDER = "00-portcache";

function readText(path: string): string {
  return exists(path) ? readFileSync(path, "utf8") : "";
}

/** Lists files as Portage does (portage: util _recursive_file_list). */
function filesBelow(folder: string): readonly string[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter(({ name }) => !name.startsWith(".") && !name.endsWith("~"))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const path = `${folder}/${entry.name}`;
      return statSync(path, { throwIfNoEntry: false })?.isDirectory() ? filesBelow(path) : [path];
    });
}

/**
 * @param root root of the client's file system; "" for this machine
 * @param url finds a line that the admin wrote
 * @throws {Error} where a file cannot be looked at: it is not taken for an empty one
 */
export function findMirrorsFile(root: string, url: string | undefined): MirrorsFile {
  const path = `${root}/etc/portage/mirrors`;
  if (!exists(path) || !statSync(path).isDirectory()) return { path, text: readText(path) };
  const files = filesBelow(path).map((one) => ({ path: one, text: readText(one) }));
  const own = files.find(({ text }) => findOwnLine(text) !== undefined);
  const listing = url === undefined ? undefined : files.find(({ text }) => hasMirror(text, url));
  return own ?? listing ?? { path: `${path}/${FILE_IN_FOLDER}`, text: readText(`${path}/${FILE_IN_FOLDER}`) };
}

/**
 * Replaces the file by a rename, so that a running emerge reads the old or the new one.
 * @throws {Error} with a code such as EACCES
 */
export function writeMirrorsFile(path: string, text: string): void {
  // Where it is a link, what it leads to is replaced.
  const real = exists(path) ? realpathSync(path) : path;
  mkdirSync(dirname(real), { recursive: true });
  const before = statSync(real, { throwIfNoEntry: false });
  // Portage leaves out files whose names end so.
  const temporary = `${real}.portcache~`;
  try {
    writeFileSync(temporary, text, { mode: 0o644, flush: true });
    if (before) {
      chownSync(temporary, before.uid, before.gid);
      chmodSync(temporary, before.mode & 0o7777);
    }
    renameSync(temporary, real);
  } finally {
    rmSync(temporary, { force: true });
  }
}
