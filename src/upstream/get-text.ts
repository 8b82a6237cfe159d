/**
 * Fetches a small text file from a configured origin, such as a mirror's layout.conf.
 */
import { SourceError } from "../distfile/errors.ts";
import { shown } from "../lib/text.ts";
import { maskCredentials } from "../lib/url.ts";
import type { UpstreamClient } from "./request.ts";

/** @throws {SourceError} when it can't be had, or is longer than `maxBytes` */
export async function getText(
  upstream: UpstreamClient,
  url: string,
  trustedOrigin: string,
  maxBytes: number,
): Promise<string> {
  const response = await upstream.send({ method: "GET", url, trustedOrigin, offset: 0 });
  const pieces: Uint8Array[] = [];
  let length = 0;
  try {
    for (let bytes = await response.read(); bytes !== undefined; bytes = await response.read()) {
      length += bytes.length;
      if (length > maxBytes) {
        throw new SourceError("bad", `is longer than ${maxBytes} bytes (${shown(maskCredentials(url))})`);
      }
      pieces.push(bytes);
    }
  } finally {
    response.close();
  }
  return Buffer.concat(pieces).toString("utf8");
}
