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
import { findOwn, leadsTo } from "./client-lines.ts";

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
