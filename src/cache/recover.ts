/**
 * Makes the index agree with the disk after a start: adds rows for files without one (unread: they are hashed when first asked for), and
 * forgets rows of files that are gone. Runs in short steps while requests are served; look-ups need none of it.
 */
import type { FileName } from "../distfile/mirror-path.ts";
import type { FileRows } from "../index/files.ts";
import type { Clock } from "../lib/clock.ts";
import { noun } from "../lib/format.ts";
import type { Logger } from "../lib/log.ts";
import { createSteps } from "../lib/steps.ts";
import type { Store } from "../store/store.ts";

type RecoveredRows = Pick<FileRows, "has" | "putStored" | "page" | "forget">;

/** Work between two turns of the event loop: a hit may wait that long. */
const STEP_MS = 2;
/** Rows of one transaction, which is a fifth of the work of as many. */
const ROWS_AT_ONCE = 50;
const PAGE_ROWS = 50;

/** Adds rows for those of the files that have none. @returns how many */
function adopt(names: readonly FileName[], store: Store, rows: RecoveredRows, now: number): number {
  // One that was fetched meanwhile has a row by now, which knows more.
  const unknown = names.flatMap((name) => {
    const file = rows.has(name) ? undefined : store.stat(name);
    return file ? [{ name, file }] : [];
  });
  rows.putStored(
    unknown.map(({ name, file }) => {
      const unread = { blake2b: null, sha512: null, otherHashes: null, source: "" };
      return { name, size: file.size, stamp: file.stamp, ...unread, storedAt: file.modifiedAt, usedAt: now };
    }),
  );
  return unknown.length;
}

async function adoptAll(store: Store, rows: RecoveredRows, clock: Clock, onStray: (path: string) => void) {
  const step = createSteps(undefined, STEP_MS);
  let files = 0;
  let adopted = 0;
  let found: FileName[] = [];
  for await (const name of store.scan(onStray)) {
    files++;
    if (!rows.has(name)) found.push(name);
    if (found.length >= ROWS_AT_ONCE) {
      adopted += adopt(found, store, rows, clock.now());
      found = [];
    }
    await step();
  }
  adopted += adopt(found, store, rows, clock.now());
  return { files, adopted };
}

/** Forgets the rows of files that are gone. @returns how many */
async function forgetGone(store: Store, rows: RecoveredRows): Promise<number> {
  const step = createSteps(undefined, STEP_MS);
  let forgotten = 0;
  for (let after: string | undefined = ""; after !== undefined; ) {
    const page: readonly { readonly name: FileName }[] = rows.page(after, PAGE_ROWS);
    for (const { name } of page) {
      if (store.stat(name) || store.lookProblem(name) !== undefined) continue;
      rows.forget(name);
      forgotten++;
    }
    await step();
    after = page.length < PAGE_ROWS ? undefined : page.at(-1)?.name;
  }
  return forgotten;
}

export async function recover(store: Store, rows: RecoveredRows, clock: Clock, log: Logger): Promise<void> {
  let strays = 0;
  let example = "";
  const { files, adopted } = await adoptAll(store, rows, clock, (path) => {
    strays++;
    example ||= path;
  });
  const forgotten = await forgetGone(store, rows);
  if (strays > 0) {
    const [those, are] = strays === 1 ? ["file", "is"] : ["files", "are"];
    log.warn(`{strays} ${those} in the store ${are} not where portcache keeps files and ${are} left alone: {example}`, {
      strays,
      example: strays === 1 ? example : `${example}, …`,
    });
  }
  log.info(
    `Checked the store: {files} ${noun(files, "file")}; {adopted} added to the index, {forgotten} removed from it`,
    {
      files,
      adopted,
      forgotten,
    },
  );
}
