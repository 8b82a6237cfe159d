/**
 * Writes very many small files: a DISTDIR, with the repository whose Manifests want them.
 */
import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { createRandom } from "../../../src/testing/random.ts";
import { writeRepository } from "../../../src/testing/repository.ts";

const FILES_PER_PACKAGE = 100;
const BLOCK_BYTES = 64 * 1024;

/** Name of the file of that number. */
export function smallFileName(number: number): string {
  return `small-${number}.crate`;
}

/** Returns different bytes for each number, `minBytes` to four times as many. */
export function createSmallFiles(minBytes: number): (number: number) => Buffer {
  const random = createRandom(1);
  const block = Buffer.from(Array.from({ length: BLOCK_BYTES }, () => Math.floor(256 * random())));
  return (number) => {
    const size = minBytes + ((number * 7919) % (3 * minBytes));
    const bytes = Buffer.from(block.subarray(0, size));
    bytes.writeUInt32LE(number, 0);
    return bytes;
  };
}

/** Writes them into the folder, and the repository that wants them. */
export function writeDistdir(folder: string, repository: string, files: number, minBytes: number): void {
  const contentOf = createSmallFiles(minBytes);
  mkdirSync(folder, { recursive: true });
  writeRepository(repository);
  for (let first = 0; first < files; first += FILES_PER_PACKAGE) {
    let manifest = "";
    for (let number = first; number < Math.min(files, first + FILES_PER_PACKAGE); number++) {
      const bytes = contentOf(number);
      writeFileSync(`${folder}/${smallFileName(number)}`, bytes);
      const digest = createHash("blake2b512").update(bytes).digest("hex");
      manifest += `DIST ${smallFileName(number)} ${bytes.length} BLAKE2B ${digest}\n`;
    }
    const path = `${repository}/dev-crates/package-${first / FILES_PER_PACKAGE}`;
    mkdirSync(path, { recursive: true });
    writeFileSync(`${path}/Manifest`, manifest);
  }
}
