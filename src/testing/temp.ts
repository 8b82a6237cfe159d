/**
 * Creates temporary folders that a test removes: `using folder = createTempFolder();` or `afterEach(() => folder.remove())`.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface TempFolder extends Disposable {
  readonly path: string;
  /** Returns the absolute path of a file in the folder. */
  file(name: string): string;
  /** Removes the folder; a second time does nothing. */
  remove(): void;
}

export function createTempFolder(prefix = "portcache-test-"): TempFolder {
  const path = mkdtempSync(join(tmpdir(), prefix));
  const remove = () => rmSync(path, { recursive: true, force: true });
  return { path, file: (name) => join(path, name), remove, [Symbol.dispose]: remove };
}
