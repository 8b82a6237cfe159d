/**
 * Selects what clean-up removes: reads the index page by page, and yields to the event loop between pages.
 */
import type { FileName } from "../distfile/mirror-path.ts";
import { type FileRows, type FileWorth, USE_HALF_LIFE_MS } from "../index/files.ts";
import { createSelection, expiry, type Limits, type Victim, worthOf } from "./policy.ts";

export interface SelectDeps {
  readonly rows: Pick<FileRows, "page">;
  /** How much harder than from a mirror it is to get a file from that URL again; it is empty for files found on disk. */
  readonly refetchCost: (source: string) => number;
  /** Whether a file never goes. */
  readonly isKept: (name: FileName) => boolean;
  /** Lets others have their turn; rejects where all is to stop. */
  readonly yieldToEventLoop: () => Promise<void>;
}

export interface Victims {
  /** Those that have expired, however much room there is. */
  readonly expired: readonly Victim[];
  /** Least valuable first, enough for the bytes asked for where there are so many. */
  readonly leastValuable: readonly Victim[];
  /** Bytes of all files that may go. */
  readonly candidateBytes: number;
}

const PAGE_ROWS = 100;

export async function selectVictims(
  bytes: number,
  {
    limits,
    now,
    isFree,
  }: { readonly limits: Limits; readonly now: number; readonly isFree: (name: FileName) => boolean },
  { rows, refetchCost, isKept, yieldToEventLoop }: SelectDeps,
): Promise<Victims> {
  const expired: Victim[] = [];
  const selection = createSelection(bytes);
  let candidateBytes = 0;

  function consider(row: FileWorth): void {
    const { name, size } = row;
    if (isKept(name) || !isFree(name)) return;
    candidateBytes += size;
    const entry = { ...row, refetchCost: refetchCost(row.source) };
    const reason = expiry(entry, limits, now);
    if (reason) expired.push({ name, size, reason });
    else if (bytes > 0) selection.add({ name, size, reason: "space" }, worthOf(entry, now, USE_HALF_LIFE_MS));
  }

  for (let after = ""; ; ) {
    const page = rows.page(after, PAGE_ROWS);
    for (const row of page) consider(row);
    const last = page.at(-1);
    if (!last || page.length < PAGE_ROWS) break;
    after = last.name;
    await yieldToEventLoop();
  }
  const by = (reason: Victim["reason"]) => expired.filter((victim) => victim.reason === reason);
  return { expired: [...by("orphan"), ...by("age")], leastValuable: selection.result(), candidateBytes };
}
