/**
 * Reads from the index what the last server left about a file, where none runs. Changes nothing.
 */
import type { FileDetails } from "../api/file-schemas.ts";
import type { FileName } from "../distfile/mirror-path.ts";
import { createFailureRows } from "../index/failures.ts";
import { createFileList } from "../index/file-list.ts";
import { createFileRows } from "../index/files.ts";
import { readIndex } from "../index/open.ts";
import { createRemovalRows } from "../index/removals.ts";
import { createRepositoryRows } from "../index/repositories.ts";
import { systemClock } from "../lib/clock.ts";
import { pathBelow } from "../store/store.ts";
import { statFile } from "../store/stored-file.ts";
import { createFileReport } from "./file-report.ts";

/** @returns undefined where no server of this version has left an index */
export async function readStoredFile(location: string, name: FileName): Promise<FileDetails | undefined> {
  return await readIndex(`${location}/index.sqlite`, (db) => {
    const report = createFileReport({
      // Nothing was used here.
      rows: { get: createFileRows(db).get, flush: () => undefined },
      list: createFileList(db),
      mirrorFiles: { mostUsed: () => [] },
      repositories: createRepositoryRows(db),
      store: { stat: (file) => statFile(`${location}/${pathBelow(file)}`) },
      fetchHistory: { of: () => [] },
      failures: createFailureRows(db, systemClock),
      removal: createRemovalRows(db).of,
      download: () => undefined,
      // That takes a look at ebuilds, and maybe bash.
      byHand: async () => null,
      repositoriesScanned: () => true,
      clock: systemClock,
    });
    // It reads the index at once, before that is closed.
    return report.details(name);
  });
}
