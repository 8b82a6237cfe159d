/**
 * A cheap sum over a part of a file, to find out which bytes of a wrong one were the wrong ones. Not for trusting anybody.
 */
import { read as readCallback } from "node:fs";
import { promisify } from "node:util";
import { crc32 } from "node:zlib";
import type { Span } from "./byte-ranges.ts";

const readAt = promisify(readCallback);
const PIECE_BYTES = 256 * 1024;

/** @throws {Error} where the file can't be read */
export async function fingerprintOf(fd: number, { start, end }: Span): Promise<number> {
  const buffer = new Uint8Array(Math.min(PIECE_BYTES, end - start));
  let sum = 0;
  for (let at = start; at < end; ) {
    const { bytesRead } = await readAt(fd, buffer, 0, Math.min(buffer.length, end - at), at);
    if (bytesRead === 0) break;
    sum = crc32(buffer.subarray(0, bytesRead), sum);
    at += bytesRead;
  }
  return sum;
}
