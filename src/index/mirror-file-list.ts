/**
 * Adds up and lists the stored files by kind for people. Read only; of the table it reads mirror files alone, which are few beside
 * distfiles.
 */
import { and, desc, gt, gte, like, lt, notLike, or, type SQL, sql } from "drizzle-orm";
import { BINHOST_FOLDER, FILE_KINDS, type FileKind } from "../distfile/file-kind.ts";
import type { FileTotals } from "./file-list.ts";
import type { FileRow } from "./files.ts";
import type { IndexDatabase } from "./open.ts";
import { files } from "./schema.ts";

export type MirrorFileKind = Exclude<FileKind, "distfiles">;

export interface MirrorFileList {
  /** @param all totals of the files of every kind */
  totals(all: FileTotals): Readonly<Record<FileKind, FileTotals>>;
  mostUsed(kind: MirrorFileKind, limit: number): readonly FileRow[];
}

/** Names below a folder, by their order; "0" comes after "/". */
function below(folder: string): SQL | undefined {
  return and(gte(files.name, sql`${`${folder}/`}`), lt(files.name, sql`${`${folder}0`}`));
}

const BINARY = `%${BINHOST_FOLDER}%`;

const WHERE: Readonly<Record<MirrorFileKind, SQL | undefined>> = {
  "binary-packages": and(below("releases"), like(files.name, BINARY)),
  snapshots: below("snapshots"),
  others: or(and(below("releases"), notLike(files.name, BINARY)), below("experimental")),
};

export function createMirrorFileList(db: IndexDatabase): MirrorFileList {
  function totalsOf(kind: MirrorFileKind): FileTotals {
    const row = db
      .select({ files: sql<number>`count(*)`, bytes: sql<number>`coalesce(sum(${files.size}), 0)` })
      .from(files)
      .where(WHERE[kind])
      .get();
    return row ?? { files: 0, bytes: 0 };
  }

  return {
    totals(all) {
      const distfiles = { ...all };
      const others = {
        "binary-packages": totalsOf("binary-packages"),
        snapshots: totalsOf("snapshots"),
        others: totalsOf("others"),
      };
      for (const kind of FILE_KINDS) {
        if (kind === "distfiles") continue;
        distfiles.files -= others[kind].files;
        distfiles.bytes -= others[kind].bytes;
      }
      return { distfiles, ...others };
    },
    mostUsed: (kind, limit) =>
      db
        .select()
        .from(files)
        .where(and(WHERE[kind], gt(files.uses, 0)))
        .orderBy(desc(files.uses))
        .limit(limit)
        .all(),
  };
}
