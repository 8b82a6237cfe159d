/**
 * Where the programs are that a sandbox is made of, and which libraries each of them needs to run.
 */
import { realpath } from "node:fs/promises";

export interface Program {
  /** Where it was found. */
  readonly path: string;
  /** The file itself: `path` may be a link, to one file for many programs. */
  readonly file: string;
  /** Absolute paths of its libraries and their loader; none for a static program. */
  readonly libraries: readonly string[];
}

/** Where programs are, as a service may have been started with any PATH. */
export const PROGRAM_FOLDERS = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** Where linkers put the path of the loader: first of all sections. */
const HEAD_BYTES = 4096;
const LOADER = /\/[\w/.+-]+\/ld[\w.+-]*\.so(?:\.\d+)*(?=\0)/;

/** @returns undefined where it is not installed */
export async function findProgram(name: string, folders = PROGRAM_FOLDERS): Promise<Program | undefined> {
  const path = Bun.which(name, { PATH: folders });
  if (path === null) return undefined;
  const file = await realpath(path);
  return { path, file, libraries: await librariesOf(file) };
}

/** Asks the loader, as ldd does; of the program nothing runs. */
async function librariesOf(file: string): Promise<readonly string[]> {
  const head = await Bun.file(file).slice(0, HEAD_BYTES).bytes();
  const loader = LOADER.exec(Buffer.from(head).toString("latin1"))?.[0];
  if (loader === undefined) return [];
  const child = Bun.spawn([loader, "--list", file], { cwd: "/", env: {}, stdin: "ignore", stderr: "ignore" });
  const listed = (await child.stdout.text()).matchAll(/(?:=> |^\t)(\/.+) \(0x[\da-f]+\)$/gm);
  return [...new Set([loader, ...[...listed].map(([, library = ""]) => library)])];
}
