/**
 * Looks at files of a DISTDIR, and copies them into part files: clones where the file system can, else copies; never links, as
 * Portage writes into DISTDIR in place. Hashes the copy, so that nobody can change it afterwards. The fsyncs come together at the end:
 * those of small files then cost a tenth (measured).
 */
import { createHash, type Hash } from "node:crypto";
import {
  closeSync,
  constants,
  copyFileSync,
  fchmodSync,
  fstatSync,
  fsyncSync,
  futimesSync,
  lstatSync,
  openSync,
  readSync,
  type Stats,
  statSync,
  writeSync,
} from "node:fs";
import {
  type ComputedDigests,
  compareDigests,
  cryptoName,
  differenceText,
  type HashAlgorithm,
  neededAlgorithms,
  type OtherHash,
} from "../distfile/digests.ts";
import { codeOf, reasonOf } from "../lib/error-reason.ts";
import { saysAbsent } from "../lib/exists.ts";
import { createFileSystemSync } from "../lib/file-system-sync.ts";
import { STORED_MODE } from "../store/part-file.ts";
import type { CopyTask, ImportThreadReply, ImportThreadRequest, Look, Settled, SkippedFile } from "./import-thread.ts";

declare const self: Worker;

const PIECE_BYTES = 1024 * 1024;
/** Codes of a file system that takes no more bytes. */
const FULL = new Set(["ENOSPC", "EDQUOT", "EFBIG"]);

const piece = new Uint8Array(PIECE_BYTES);
const syncFileSystem = createFileSystemSync();

const skipped = (reason: SkippedFile["reason"], detail?: string): SkippedFile => ({
  kind: "skipped",
  reason,
  ...(detail === undefined ? {} : { detail }),
});

function kindOf(stats: Stats): Look {
  if (stats.isFile()) return { kind: "file", size: stats.size };
  if (stats.isDirectory()) return skipped("folder");
  return skipped(stats.isSymbolicLink() ? "link" : "special");
}

function look(path: string): Look {
  try {
    return kindOf(lstatSync(path));
  } catch (error) {
    return saysAbsent(error) ? { kind: "absent" } : skipped("unreadable", reasonOf(error));
  }
}

function createHashes(algorithms: readonly HashAlgorithm[]) {
  const blake2b = createHash("blake2b512");
  const others = algorithms.map((algorithm): [HashAlgorithm, Hash] => [algorithm, createHash(cryptoName(algorithm))]);
  let size = 0;
  return {
    update(bytes: Uint8Array) {
      size += bytes.length;
      for (const hash of [blake2b, ...others.map(([, other]) => other)]) hash.update(bytes);
    },
    digests(): ComputedDigests {
      const hex = others.map(([algorithm, hash]) => [algorithm, hash.digest("hex")] as const);
      const sha512 = hex.find(([algorithm]) => algorithm === "SHA512")?.[1];
      const rest = hex.flatMap(([name, digest]): OtherHash[] => (name === "SHA512" ? [] : [`${name} ${digest}`]));
      return {
        size,
        blake2b: blake2b.digest("hex"),
        ...(sha512 === undefined ? {} : { sha512 }),
        ...(rest.length === 0 ? {} : { others: rest }),
      };
    },
  };
}

/** Reads into `piece` until it is full or the file ends. */
function readPiece(fd: number, position: number): Uint8Array {
  let length = 0;
  for (let got = -1; got !== 0 && length < PIECE_BYTES; length += got) {
    got = readSync(fd, piece, length, PIECE_BYTES - length, position + length);
  }
  return piece.subarray(0, length);
}

function writeAll(fd: number, bytes: Uint8Array): void {
  for (let written = 0; written < bytes.length; )
    written += writeSync(fd, bytes, written, bytes.length - written, written);
}

/** Copies a file that is larger than a piece. By descriptor, as another file may have taken the name. */
function copyLarge(source: number, target: number): void {
  copyFileSync(`/proc/self/fd/${source}`, `/proc/self/fd/${target}`, constants.COPYFILE_FICLONE);
}

/** Copies the bytes. @returns their digests */
function copyBytes(source: number, { fd, size, contents }: CopyTask): ComputedDigests {
  const hashes = createHashes(neededAlgorithms(contents));
  if (size < PIECE_BYTES) {
    const bytes = readPiece(source, 0);
    writeAll(fd, bytes);
    hashes.update(bytes);
    return hashes.digests();
  }
  copyLarge(source, fd);
  for (let position = 0; ; ) {
    const bytes = readPiece(fd, position);
    if (bytes.length === 0) return hashes.digests();
    hashes.update(bytes);
    position += bytes.length;
  }
}

function copyOpened(source: number, task: CopyTask): Settled | SkippedFile {
  const stats = fstatSync(source);
  const kind = kindOf(stats);
  if (kind.kind !== "file") return kind.kind === "absent" ? skipped("special") : kind;
  const digests = copyBytes(source, task);
  if (task.contents.every((content) => compareDigests(content, digests) !== "same"))
    return skipped("digest", differenceText(task.contents, digests));
  // Whatever the umask: the folder may be exported.
  fchmodSync(task.fd, STORED_MODE);
  futimesSync(task.fd, task.now / 1000, Math.min(Math.round(stats.mtimeMs), task.now) / 1000);
  return { kind: "settled", digests };
}

function copy(task: CopyTask): Settled | SkippedFile {
  let source: number;
  try {
    // A link could lead anywhere, and opening a pipe would block.
    source = openSync(task.path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    const code = codeOf(error);
    if (code === "ELOOP") return skipped("link");
    return code === "ENXIO" ? skipped("special") : skipped("unreadable", reasonOf(error));
  }
  try {
    return copyOpened(source, task);
  } catch (error) {
    return FULL.has(codeOf(error)) ? skipped("full") : skipped("unreadable", reasonOf(error));
  } finally {
    closeSync(source);
  }
}

/** @throws {Error} where the disk is broken */
function settle(task: CopyTask, copied: Settled | SkippedFile): Settled | SkippedFile {
  try {
    if (copied.kind === "settled") fsyncSync(task.fd);
    return copied;
  } catch (error) {
    if (FULL.has(codeOf(error))) return skipped("full");
    throw error;
  }
}

/** A name that is not on the disk by a power cut is missed after it. */
function syncFolder(path: string): void {
  try {
    const fd = openSync(path, "r");
    try {
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
  } catch {
    // Nothing can be done.
  }
}

/** Returns whether a folder is on the file system of an open file. */
function isBeside(folder: string, fd: number): boolean {
  return statSync(folder, { throwIfNoEntry: false })?.dev === fstatSync(fd).dev;
}

function copyAndSync(tasks: readonly CopyTask[], folders: readonly string[]): readonly (Settled | SkippedFile)[] {
  const copies = tasks.map(copy);
  const fd = tasks.find((_, i) => copies[i]?.kind === "settled")?.fd;
  if (fd !== undefined && syncFileSystem(fd)) {
    for (const folder of folders) if (!isBeside(folder, fd)) syncFolder(folder);
    return copies;
  }
  const settled = tasks.map((task, i) => settle(task, copies[i] ?? skipped("unreadable")));
  for (const folder of folders) syncFolder(folder);
  return settled;
}

function answer(request: ImportThreadRequest): ImportThreadReply {
  if (request.kind === "look") return { kind: "looked", looks: request.paths.map(look) };
  return { kind: "copied", copies: copyAndSync(request.tasks, request.folders) };
}

self.onmessage = ({ data }: MessageEvent<ImportThreadRequest>) => {
  try {
    self.postMessage(answer(data));
  } catch (error) {
    self.postMessage({ kind: "failed", reason: reasonOf(error) } satisfies ImportThreadReply);
  }
};
