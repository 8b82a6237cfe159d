/**
 * Downloads a mirror file by RFC 9111: with conditional headers where an older file is stored, verified by its digest file, and
 * stored with its HTTP metadata where that is allowed.
 */
import { indexesOf } from "../../distfile/binhost.ts";
import { SourceError } from "../../distfile/errors.ts";
import { type MirrorPath, stemOf } from "../../distfile/mirror-path.ts";
import type { Source, SourceList } from "../../distfile/source.ts";
import { headFrom, type UpstreamHead } from "../../fetch/head.ts";
import type { FileRows, StemFile } from "../../index/files.ts";
import type { Clock } from "../../lib/clock.ts";
import type { PrioritySemaphore } from "../../lib/priority-semaphore.ts";
import type { UpstreamClient, UpstreamResponse } from "../../upstream/request.ts";
import type { DownloadPolicy } from "../start-download.ts";
import { checkDigest } from "./digest-check.ts";
import { isDated } from "./freshness.ts";
import { isStorable, metadataOf, modifiedAt } from "./http-metadata.ts";
import { isFrom, preferred } from "./preferred-mirror.ts";
import type { StoredMirrorFile, StoredMirrorFiles } from "./stored-files.ts";

export interface MirrorFilePolicyDeps {
  readonly rows: Pick<FileRows, "putMirrorFile" | "outdateOthers" | "outdateStem" | "ofStem">;
  readonly storedMirrorFiles: StoredMirrorFiles;
  /** Returns the mirrors in the order to try. */
  readonly sources: (path: MirrorPath) => readonly Source[];
  readonly slots: PrioritySemaphore;
  readonly clock: Clock;
}

export interface MirrorFilePolicies {
  /** @param before the stored file, whose changes are requested; undefined where there is none */
  policyOf(
    path: MirrorPath,
    before: StoredMirrorFile | undefined,
    upstream: UpstreamClient,
    client: string | undefined,
  ): DownloadPolicy;
  /**
   * Asks mirrors for a file by HEAD.
   * @throws {UnavailableError} when none has it
   */
  askHead(path: MirrorPath, upstream: UpstreamClient, signal: AbortSignal): Promise<UpstreamHead>;
}

/** An ETag means something only to the mirror that gave it; mirroring keeps the modification time, which all mirrors know. */
function conditionalHeaders(file: StoredMirrorFile | undefined, source: Source): Readonly<Record<string, string>> {
  if (!file) return {};
  const { etag, lastModified } = file.metadata;
  return {
    ...(lastModified === null || modifiedAt(file.metadata) === undefined ? {} : { "if-modified-since": lastModified }),
    ...(etag === null || !isFrom(file.source, source) ? {} : { "if-none-match": etag }),
  };
}

/** @throws {SourceError} when another mirror's file is older: what clients have seen must not become older again */
function checkNotOlder(file: StoredMirrorFile | undefined, source: Source, { lastModifiedAt }: UpstreamResponse): void {
  if (!file || lastModifiedAt === undefined || isFrom(file.source, source)) return;
  if (lastModifiedAt < (modifiedAt(file.metadata) ?? Number.NEGATIVE_INFINITY)) {
    throw new SourceError("bad", "has an older file than the one stored");
  }
}

export function createMirrorFilePolicies(deps: MirrorFilePolicyDeps): MirrorFilePolicies {
  const { rows, storedMirrorFiles, sources, slots, clock } = deps;

  /** The mirror that gave the index of a binhost has what it names; others may not have it yet, or no more. */
  function siblingsOf(path: MirrorPath): readonly StemFile[] {
    return [...indexesOf(path), stemOf(path)].flatMap((stem) => rows.ofStem(stem));
  }

  function sourcesOf(path: MirrorPath): SourceList {
    return { sources: () => preferred(sources(path), siblingsOf(path)), refusals: [] };
  }

  return {
    policyOf(path, before, upstream, client) {
      // Of the response that counts: when it was requested, and when it came.
      let [askedAt, answeredAt] = [clock.now(), clock.now()];
      return {
        name: path,
        expected: undefined,
        storable: true,
        isWanted: () => true,
        revalidation: {
          conditionalHeaders(source) {
            askedAt = clock.now();
            return conditionalHeaders(before, source);
          },
          checkResponse(source, response) {
            answeredAt = clock.now();
            checkNotOlder(before, source, response);
          },
          sameAtAllMirrors: isDated(path) || siblingsOf(path).every(({ name }) => name === path),
          checkDigest: (file) => checkDigest(path, file, upstream, { storedMirrorFiles, sources }),
          isStorable,
          confirmed({ url, fields }) {
            if (before) storedMirrorFiles.freshen(before, { url, fields, askedAt });
          },
        },
        findSources: async () => sourcesOf(path),
        requestSlot: (urgent) => slots.acquire({ bytes: 0, urgent, client }),
        putRow({ stamp }, { computed, fields, url }) {
          const { size, blake2b } = computed;
          const now = clock.now();
          const times = { storedAt: now, usedAt: now, verifiedAt: now, badStamp: null };
          const row = { name: path, size, blake2b, stamp, source: url, ...times };
          rows.putMirrorFile(row, metadataOf(fields, askedAt, answeredAt));
          // A file with a date comes once; the stored files of its stem were made together with it or are of another time.
          const isNews = before ? before.stored.digests.blake2b !== blake2b : !isDated(path);
          if (isNews) rows.outdateOthers(path);
          // An index that names the package as it was would have clients refuse it.
          if (before && isNews) for (const index of indexesOf(path)) rows.outdateStem(index);
        },
      };
    },
    askHead: (path, upstream, signal) => headFrom(path, undefined, sourcesOf(path), upstream, signal),
  };
}
