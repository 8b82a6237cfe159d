/**
 * Fetches a small text file from a configured origin, such as a mirror's layout.conf.
 */
import { SourceError } from "../distfile/errors.ts";
import type { UpstreamClient } from "./request.ts";

const MAX_BYTES = 64 * 1024;

/** @throws {SourceError} when it can't be had, or is longer than 64 KiB */
export async function getText(upstream: UpstreamClient, url: string, trustedOrigin: string): Promise<string> {
  const response = await upstream.send({ method: "GET", url, trustedOrigin, offset: 0 });
  const pieces: Uint8Array[] = [];
  let length = 0;
  try {
    for (let bytes = await response.read(); bytes !== undefined; bytes = await response.read()) {
      length += bytes.length;
      if (length > MAX_BYTES) throw new SourceError("bad", `${url} is longer than ${MAX_BYTES} bytes`);
      pieces.push(bytes);
    }
  } finally {
    response.close();
  }
  return Buffer.concat(pieces).toString("utf8");
}
