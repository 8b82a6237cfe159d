/**
 * /etc/portage/mirrors of a client machine, which may be a file or a folder of files (Portage reads all of it in the order of
 * the names). It is replaced by a rename, so that an emerge that runs reads the old or the new one.
 */
import {
  chmodSync,
  chownSync,
  existsSync,
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

export interface OwnLine {
  readonly url: string;
  readonly on: boolean;
}

const MARK = "# portcache";
/** `local`, one URL, and the mark. */
const OWN = /^\s*(#\s*)?local\s+(\S+)\s+#\s*portcache\s*$/;

function lineOf({ url, on }: OwnLine): string {
  return `${on ? "" : "#"}local ${url} ${MARK}`;
}

function parse(line: string): OwnLine | undefined {
  const [, hash, url] = OWN.exec(line) ?? [];
  return url === undefined ? undefined : { url, on: hash === undefined };
}

/** Words of a line that counts for `local`; the URLs are those behind the first. */
function localUrls(line: string): readonly string[] {
  const words = line.split(/\s+/).filter((word) => word !== "");
  const comment = words.findIndex((word) => word.startsWith("#"));
  const [name, ...urls] = comment < 0 ? words : words.slice(0, comment);
  return name === "local" ? urls : [];
}

export function withoutSlashes(url: string): string {
  return url.replace(/\/+$/, "");
}

const isSame = (url: string) => (other: string) => withoutSlashes(other) === withoutSlashes(url);

/** The first that is portcache's. */
export function findOwn(text: string): OwnLine | undefined {
  for (const line of text.split("\n")) {
    const own = parse(line);
    if (own) return own;
  }
  return undefined;
}

/** Whether clients go there by this text, whoever wrote the line. */
export function leadsTo(text: string, url: string): boolean {
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

/** Where a line comes first among those that count, below the comments that begin the file. */
function insert(text: string, line: string): string {
  const lines = text === "" ? [] : text.replace(/\n$/, "").split("\n");
  const at = lines.findIndex((one) => !/^\s*(#|$)/.test(one));
  lines.splice(at < 0 ? lines.length : at, 0, line);
  return `${lines.join("\n")}\n`;
}

/** The text with a line that leads there; the very same where one does. */
export function switchTo(text: string, url: string): string {
  if (leadsTo(text, url)) return text;
  if (findOwn(text)) return replaceOwn(text, () => ({ url, on: true }));
  return insert(text, lineOf({ url, on: true }));
}

/** A line of the admin's own that leads there gives that URL up to a line of ours. */
function takeOut(text: string, url: string): string {
  const lines = text.split("\n").flatMap((line) => {
    const urls = localUrls(line);
    if (!urls.some(isSame(url))) return [line];
    const others = urls.filter((other) => !isSame(url)(other));
    return [lineOf({ url, on: false }), ...(others.length > 0 ? [`local ${others.join(" ")}`] : [])];
  });
  return lines.join("\n");
}

/**
 * The text with the line commented out; undefined where there is none.
 * @param url needed only where the line was not written by switchTo()
 */
export function switchOff(text: string, url: string | undefined): string | undefined {
  if (findOwn(text)) return replaceOwn(text, ({ url: own }) => ({ url: own, on: false }));
  return url !== undefined && leadsTo(text, url) ? takeOut(text, url) : undefined;
}

/** The text with the line commented in; undefined where there is none. */
export function switchOn(text: string): string | undefined {
  return findOwn(text) ? replaceOwn(text, ({ url }) => ({ url, on: true })) : undefined;
}

export interface MirrorsFile {
  /** The file that has the line, or would get it. */
  readonly path: string;
  /** Empty where it is not there. */
  readonly text: string;
}

/** Before others by its name. */
const IN_FOLDER = "00-portcache";

function readText(path: string): string {
  return existsSync(path) ? readFileSync(path, "utf8") : "";
}

/** As Portage goes through a folder (portage: util _recursive_file_list). */
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
 * @param root of the client's file system, "" for this machine's own
 * @param url whose line is looked for beside portcache's own
 */
export function findMirrorsFile(root: string, url: string | undefined): MirrorsFile {
  const path = `${root}/etc/portage/mirrors`;
  if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) return { path, text: readText(path) };
  const files = filesBelow(path).map((one) => ({ path: one, text: readText(one) }));
  const own = files.find(({ text }) => findOwn(text) !== undefined);
  const led = url === undefined ? undefined : files.find(({ text }) => leadsTo(text, url));
  return own ?? led ?? { path: `${path}/${IN_FOLDER}`, text: readText(`${path}/${IN_FOLDER}`) };
}

/** @throws {Error} with a code such as EACCES */
export function writeMirrorsFile(path: string, text: string): void {
  // Where it is a link, what it leads to is replaced.
  const real = existsSync(path) ? realpathSync(path) : path;
  mkdirSync(dirname(real), { recursive: true });
  const before = statSync(real, { throwIfNoEntry: false });
  // Portage leaves out files whose names end so.
  const fresh = `${real}.portcache~`;
  try {
    writeFileSync(fresh, text, { mode: 0o644, flush: true });
    if (before) {
      chownSync(fresh, before.uid, before.gid);
      chmodSync(fresh, before.mode & 0o7777);
    }
    renameSync(fresh, real);
  } finally {
    rmSync(fresh, { force: true });
  }
}
