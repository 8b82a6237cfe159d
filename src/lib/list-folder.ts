/**
 * The names in a folder, as they come: a folder of a million files costs no memory. The platform's own opendir() reads all
 * of it first (200 bytes a file, measured), so find(1) is asked; where it is missing, memory has to do.
 */
import { opendir } from "node:fs/promises";

async function* names(folder: string): AsyncIterable<string> {
  for await (const { name } of await opendir(folder)) yield name;
}

/** Names that are no UTF-8 come with U+FFFD in them, and won't be found under that. */
async function* split(stdout: ReadableStream<Uint8Array>, prefix: number): AsyncIterable<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const bytes of stdout) {
    const paths = (rest + decoder.decode(bytes, { stream: true })).split("\0");
    rest = paths.pop() ?? "";
    for (const path of paths) yield path.slice(prefix);
  }
}

/**
 * @param folder absolute path
 * @throws {Error} where it can't be read
 */
export async function* listNames(folder: string): AsyncIterable<string> {
  const find = Bun.which("find");
  if (find === null) {
    yield* names(folder);
    return;
  }
  const path = folder.endsWith("/") ? folder : `${folder}/`;
  const child = Bun.spawn([find, path, "-mindepth", "1", "-maxdepth", "1", "-print0"], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    env: { LC_ALL: "C" },
  });
  try {
    yield* split(child.stdout, path.length);
    if ((await child.exited) !== 0) throw new Error((await child.stderr.text()).trim().split("\n")[0]);
  } finally {
    child.kill("SIGKILL");
  }
}
