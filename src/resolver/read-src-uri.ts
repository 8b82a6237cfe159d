/**
 * Parses the SRC_URI of ebuilds one after the other, so that a package with long ones never holds up the event loop.
 */
import type { EbuildMetadata } from "../repos/formats/md5-cache.ts";
import { parseSrcUri, type SrcUris } from "../repos/formats/src-uri.ts";

/** So many take some milliseconds. */
const LONG_CHARACTERS = 64 * 1024;

export async function readSrcUri({ srcUri, eapi }: EbuildMetadata): Promise<SrcUris> {
  const parsed = parseSrcUri(srcUri, eapi);
  if (srcUri.length > LONG_CHARACTERS) await new Promise<void>((resolve) => setImmediate(resolve));
  return parsed;
}
