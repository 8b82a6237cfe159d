/**
 * Checks a complete mirror file against its stored digest file (`F.md5sum`, `F.DIGESTS` …): Portage refuses a snapshot that does
 * not match. In the middle of a sync a mirror may have one of today and the other of yesterday; where the stored digest file is
 * the outdated one, the mirror's own decides.
 */
import { readFileSync } from "node:fs";
import { digestIn, type NamedDigest } from "../../distfile/digest-file.ts";
import { SourceError } from "../../distfile/errors.ts";
import { companionOf, type MirrorPath } from "../../distfile/mirror-path.ts";
import type { Source } from "../../distfile/source.ts";
import type { CompleteFile } from "../../fetch/resume.ts";
import { getText } from "../../upstream/get-text.ts";
import type { UpstreamClient } from "../../upstream/request.ts";
import { isFrom } from "./preferred-mirror.ts";
import type { StoredMirrorFiles } from "./stored-files.ts";

export interface DigestCheckDeps {
  readonly storedMirrorFiles: Pick<StoredMirrorFiles, "find">;
  readonly sources: (path: MirrorPath) => readonly Source[];
}

const SUFFIXES = [".DIGESTS", ".sha512", ".sha256", ".md5sum"] as const;
/** Gentoo's digest files have some hundred bytes. */
const MAX_BYTES = 64 * 1024;

const nameOf = (path: string) => path.slice(path.lastIndexOf("/") + 1);

interface StoredDigest {
  readonly digestFile: MirrorPath;
  readonly digest: NamedDigest;
}

/** Finds the file's digest in a stored digest file. */
async function storedDigest(
  path: MirrorPath,
  { storedMirrorFiles }: DigestCheckDeps,
): Promise<StoredDigest | undefined> {
  for (const suffix of SUFFIXES) {
    const digestFile = companionOf(path, suffix);
    if (digestFile === undefined || digestFile === path) continue;
    const found = await storedMirrorFiles.find(digestFile);
    if (!found || found.stored.file.size > MAX_BYTES) continue;
    try {
      const digest = digestIn(readFileSync(found.stored.file.path, "utf8"), nameOf(path));
      if (digest) return { digestFile, digest };
    } catch {
      // It was removed meanwhile: then no client gets it from here.
    }
  }
  return undefined;
}

/** Fetches the file's digest from the mirror that the file came from. */
async function mirrorDigest(
  digestFile: MirrorPath,
  path: MirrorPath,
  url: string,
  upstream: UpstreamClient,
  { sources }: DigestCheckDeps,
): Promise<NamedDigest | undefined> {
  const source = sources(digestFile).find((one) => isFrom(url, one));
  if (source?.trustedOrigin === undefined) return undefined;
  try {
    const { urls } = await source.locate();
    const text = await getText(upstream, urls[0], source.trustedOrigin, MAX_BYTES);
    return digestIn(text, nameOf(path));
  } catch (error) {
    if (error instanceof SourceError) return undefined;
    throw error;
  }
}

/** Returns what is wrong with the file, in words; undefined where nothing is known against it. */
export async function checkDigest(
  path: MirrorPath,
  file: CompleteFile,
  upstream: UpstreamClient,
  deps: DigestCheckDeps,
): Promise<string | undefined> {
  const stored = await storedDigest(path, deps);
  if (!stored) return undefined;
  const { digestFile, digest } = stored;
  const matches = async ({ algorithm, hex }: NamedDigest) => {
    const computed = algorithm === "BLAKE2B" ? file.computed.blake2b : await file.digestBy(algorithm);
    return computed === undefined || computed === hex;
  };
  if (await matches(digest)) return undefined;
  const current = await mirrorDigest(digestFile, path, file.url, upstream, deps);
  if (current && (await matches(current))) return undefined;
  return `sent a file that does not match its ${nameOf(digestFile)}`;
}
