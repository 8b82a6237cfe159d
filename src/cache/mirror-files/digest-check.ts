/**
 * Whether a file that has come in is the one that its digest file tells of (`F.md5sum`, `F.DIGESTS` …), where clients have got
 * that from here: Portage refuses a snapshot that is not. Mirrors in the middle of a sync have one of today and the other of
 * yesterday. Where the digest here is what is old, the mirror's own decides.
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
/** Those of Gentoo have some hundred bytes. */
const MOST_BYTES = 64 * 1024;

const nameOf = (path: string) => path.slice(path.lastIndexOf("/") + 1);

interface Told {
  readonly by: MirrorPath;
  readonly digest: NamedDigest;
}

/** What a digest file that is here says of it. */
async function toldHere(path: MirrorPath, { storedMirrorFiles }: DigestCheckDeps): Promise<Told | undefined> {
  for (const suffix of SUFFIXES) {
    const by = companionOf(path, suffix);
    const found = by === path ? undefined : await storedMirrorFiles.find(by);
    if (!found || found.stored.file.size > MOST_BYTES) continue;
    try {
      const digest = digestIn(readFileSync(found.stored.file.path, "utf8"), nameOf(path));
      if (digest) return { by, digest };
    } catch {
      // Gone since: then nobody gets it from here.
    }
  }
  return undefined;
}

async function toldThere(
  { by }: Told,
  path: MirrorPath,
  { url }: CompleteFile,
  upstream: UpstreamClient,
  deps: DigestCheckDeps,
): Promise<NamedDigest | undefined> {
  const source = deps.sources(by).find((one) => isFrom(url, one));
  if (source?.trustedOrigin === undefined) return undefined;
  try {
    const text = await getText(upstream, await source.locate(), source.trustedOrigin);
    return digestIn(text, nameOf(path));
  } catch (error) {
    if (error instanceof SourceError) return undefined;
    throw error;
  }
}

/** What is wrong with the file, in words; undefined where nothing is known against it. */
export async function checkDigest(
  path: MirrorPath,
  file: CompleteFile,
  upstream: UpstreamClient,
  deps: DigestCheckDeps,
): Promise<string | undefined> {
  const told = await toldHere(path, deps);
  if (!told) return undefined;
  const isRight = async ({ algorithm, hex }: NamedDigest) => {
    const computed = algorithm === "blake2b" ? file.computed.blake2b : await file.digestBy(algorithm);
    return computed === undefined || computed === hex;
  };
  if (await isRight(told.digest)) return undefined;
  const current = await toldThere(told, path, file, upstream, deps);
  if (current && (await isRight(current))) return undefined;
  return `has another file than its ${nameOf(told.by)} tells of`;
}
