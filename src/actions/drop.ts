/**
 * Removes files from the store. A client being sent one gets it whole; the next request fetches it again.
 */
import type { DropReport, DropRequest } from "../api/action-schemas.ts";
import { type Action, ActionError } from "../api/actions.ts";
import { type FileName, parseFileName } from "../distfile/mirror-path.ts";
import type { RemovalReason } from "../distfile/reporting.ts";
import type { FileRows } from "../index/files.ts";
import { cut, MAX_SHOWN } from "../lib/text.ts";
import type { Store } from "../store/store.ts";

export interface DropDeps {
  readonly store: Pick<Store, "stat" | "remove">;
  readonly rows: Pick<FileRows, "forget">;
  readonly onRemoved: (name: FileName, reason: RemovalReason) => void;
}

/** @throws {ActionError} */
export function parseNames(given: readonly string[]): readonly FileName[] {
  return [...new Set(given)].map((text) => {
    const name = parseFileName(text);
    if (name === undefined) throw new ActionError(422, `${JSON.stringify(cut(text, MAX_SHOWN))} is not a file name`);
    return name;
  });
}

export function createDrop({ store, rows, onRemoved }: DropDeps): Action<DropRequest, DropReport> {
  return async ({ names }) => {
    const dropped: DropReport["dropped"] = [];
    const absent: string[] = [];
    for (const name of parseNames(names)) {
      const file = store.stat(name);
      if (file) {
        await store.remove(name);
        dropped.push({ name, size: file.size });
        onRemoved(name, "dropped");
      } else absent.push(name);
      rows.forget(name);
    }
    const bytes = dropped.reduce((sum, { size }) => sum + size, 0);
    return { dropped, absent, files: dropped.length, bytes };
  };
}
