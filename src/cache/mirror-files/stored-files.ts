/**
 * Finds stored mirror files with the HTTP metadata that tells whether they are fresh. A file that was found on disk, as after a
 * lost index, is whole all the same; nobody knows how old it is, so a mirror is asked before it is used. So is one that came from a
 * mirror that is not configured any more, and a binary package whose index has changed since a mirror was asked about it.
 */
import { indexesOf } from "../../distfile/binhost.ts";
import type { MirrorPath } from "../../distfile/mirror-path.ts";
import type { FileRows, HttpMetadata } from "../../index/files.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Logger } from "../../lib/log.ts";
import type { StoredContent, StoredFiles } from "../stored-files.ts";
import { freshenedBy, metadataOfFound } from "./http-metadata.ts";

export interface StoredMirrorFile {
  readonly name: MirrorPath;
  readonly stored: StoredContent;
  readonly metadata: HttpMetadata;
  /** URL that it came from; empty where it was found on disk, or where its mirror is not configured any more. */
  readonly source: string;
}

/** A mirror's word that a stored file is current: the header fields of a 304, or of an answer to HEAD. */
export interface Confirmation {
  readonly url: string;
  readonly fields: Headers;
  readonly askedAt: number;
}

export interface StoredMirrorFiles {
  /** Finds the file as it was stored; undefined also where its bytes have changed since. */
  find(name: MirrorPath): Promise<StoredMirrorFile | undefined>;
  /** Freshens a stored response (RFC 9111, section 4.3.4). */
  freshen(file: StoredMirrorFile, confirmation: Confirmation): void;
}

export interface StoredMirrorFilesDeps {
  readonly storedFiles: Pick<StoredFiles, "find">;
  readonly rows: Pick<FileRows, "getMirrorFile" | "freshen" | "ofStem">;
  /** Whether a URL is one of a mirror that is configured now: what others said of a file binds nobody any more. */
  readonly isOfMirror: (url: string) => boolean;
  readonly clock: Clock;
  readonly log: Logger;
}

export function createStoredMirrorFiles({
  storedFiles,
  rows,
  isOfMirror,
  clock,
  log,
}: StoredMirrorFilesDeps): StoredMirrorFiles {
  /** Returns whether the index that names a binary package has come after a mirror was last asked about the package. */
  function isOlderThanIndex(name: MirrorPath, { answeredAt }: HttpMetadata): boolean {
    return indexesOf(name).some((stem) => rows.ofStem(stem).some(({ storedAt }) => storedAt > answeredAt));
  }

  return {
    async find(name) {
      const known = rows.getMirrorFile(name);
      const stored = await storedFiles.find(name, [], known?.row);
      if (stored === undefined || stored === "stale") return undefined;
      if (known?.metadata && isOfMirror(known.row.source)) {
        const outdated = known.metadata.outdated || isOlderThanIndex(name, known.metadata);
        return { name, stored, metadata: { ...known.metadata, outdated }, source: known.row.source };
      }
      return { name, stored, metadata: metadataOfFound(stored.file.modifiedAt, clock.now()), source: "" };
    },
    freshen({ name, metadata: before, source }, { url, fields, askedAt }) {
      // One found on disk is taken for that of the first mirror that has one of the same time.
      const from = source === "" && fields.get("last-modified") === before.lastModified ? url : source;
      // Another mirror's validators say nothing to the one that it came from, and may be older.
      const own = url === from ? {} : { etag: before.etag, lastModified: before.lastModified };
      try {
        rows.freshen(name, { ...freshenedBy(fields, before, askedAt, clock.now()), ...own }, from);
      } catch (error) {
        log.warn("Cannot note in the index that {file} is current: {error}", { file: name, error });
      }
    },
  };
}
