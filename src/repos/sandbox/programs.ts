/**
 * Finds the programs that a sandbox runs, and the libraries that each of them needs.
 */
import { realpath } from "node:fs/promises";

export interface Program {
  /** Path in one of the folders. */
  readonly path: string;
  /** Real path: `path` may be a link to one file for many programs. */
  readonly file: string;
  /** Absolute paths of libraries and loader; empty for a static program. */
  readonly libraries: readonly string[];
}

/** Default folders, since a service may have been started with any PATH. */
export const PROGRAM_FOLDERS = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** Linkers put the path of the loader first of all sections. */
const HEAD_BYTES = 4096;
const LOADER = /\/[\w/.+-]+\/ld[\w.+-]*\.so(?:\.\d+)*(?=\0)/;

/** @returns undefined where it is not installed */
export async function findProgram(name: string, folders = PROGRAM_FOLDERS): Promise<Program | undefined> {
  const path = Bun.which(name, { PATH: folders });
  if (path === null) return undefined;
  const file = await realpath(path);
  return { path, file, libraries: await librariesOf(file) };
}

/** Asks the loader, as ldd does, without running the program. */
async function librariesOf(file: string): Promise<readonly string[]> {
  const head = await Bun.file(file).slice(0, HEAD_BYTES).bytes();
  const loader = LOADER.exec(Buffer.from(head).toString("latin1"))?.[0];
  if (loader === undefined) return [];
  const child = Bun.spawn([loader, "--list", file], { cwd: "/", env: {}, stdin: "ignore", stderr: "ignore" });
  const listed = (await child.stdout.text()).matchAll(/(?:=> |^\t)(\/.+) \(0x[\da-f]+\)$/gm);
  return [...new Set([loader, ...[...listed].map(([, library = ""]) => library)])];
}
