/**
 * Computes a cheap sum over a range of a file, to find out later which bytes were wrong; never used for trust.
 */
import { read as readCallback } from "node:fs";
import { promisify } from "node:util";
import { crc32 } from "node:zlib";
import type { ByteRange } from "../lib/byte-range.ts";

const readAt = promisify(readCallback);
const CHUNK_BYTES = 256 * 1024;

/** @throws {Error} where the file can't be read */
export async function fingerprintOf(fd: number, { start, end }: ByteRange): Promise<number> {
  const buffer = new Uint8Array(Math.min(CHUNK_BYTES, end - start));
  let sum = 0;
  for (let at = start; at < end; ) {
    const { bytesRead } = await readAt(fd, buffer, 0, Math.min(buffer.length, end - at), at);
    if (bytesRead === 0) break;
    sum = crc32(buffer.subarray(0, bytesRead), sum);
    at += bytesRead;
  }
  return sum;
}
