/**
 * A stored file's bytes as one body in memory.
 */
import type { Store, StoredFile } from "./store.ts";

/** Undefined where the file is not, or not for all of the reading, the one described. @throws {Error} where it can't be read */
export async function readBody(store: Pick<Store, "isSame">, file: StoredFile): Promise<Blob | undefined> {
  const bytes = await Bun.file(file.path).bytes();
  return store.isSame(file) ? new Blob([bytes]) : undefined;
}
