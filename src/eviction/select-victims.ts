/**
 * Selects what clean-up removes: reads the index page by page, and yields to the event loop between pages.
 */
import type { FileName } from "../distfile/mirror-path.ts";
import { type FileRows, type FileWorth, isUnverified, USE_HALF_LIFE_MS } from "../index/files.ts";
import {
  createSelection,
  expiry,
  type LimitState,
  type Limits,
  type Reason,
  relief,
  type StoredEntry,
  type Victim,
  worthOf,
} from "./policy.ts";

export interface SelectDeps {
  readonly rows: Pick<FileRows, "page">;
  /** How much harder than from a mirror it is to get a file from that URL again; it is empty for files found on disk. */
  readonly refetchCost: (source: string) => number;
  readonly volumeOf: (name: FileName) => number;
  /** Whether a file never goes. */
  readonly isKept: (name: FileName) => boolean;
  /** Lets others have their turn; rejects where all is to stop. */
  readonly yieldToEventLoop: () => Promise<void>;
}

/** A file that is to go, and why. */
export interface SelectedFile {
  readonly entry: StoredEntry;
  readonly reason: Reason;
}

export interface Victims {
  /** Files that have expired, however much room there is. */
  readonly expired: readonly SelectedFile[];
  /** Least valuable first, enough for what is short, or all. */
  readonly leastValuable: readonly SelectedFile[];
  /** What the removal of all files that may go would give back of what is short. */
  readonly possibleRelief: number;
}

const PAGE_ROWS = 100;

export function victimOf({ entry: { name, size }, reason }: SelectedFile): Victim {
  return { name, size, reason };
}

/** @param short what room is to be made of; undefined where only what has expired goes */
export async function selectVictims(
  short: Pick<LimitState, "kind" | "volume" | "surplus"> | undefined,
  {
    limits,
    now,
    isFree,
  }: { readonly limits: Limits; readonly now: number; readonly isFree: (name: FileName) => boolean },
  { rows, refetchCost, volumeOf, isKept, yieldToEventLoop }: SelectDeps,
): Promise<Victims> {
  const expired: SelectedFile[] = [];
  const selection = createSelection<SelectedFile>(short?.surplus ?? 0);
  let possibleRelief = 0;

  function consider(row: FileWorth): void {
    const { name, size } = row;
    if (isKept(name) || !isFree(name)) return;
    const entry = {
      ...row,
      verified: !isUnverified(row),
      volume: volumeOf(name),
      refetchCost: refetchCost(row.source),
    };
    const given = short ? relief(short, entry) : 0;
    possibleRelief += given;
    const reason = expiry(entry, limits, now);
    if (reason) expired.push({ entry, reason });
    // Worth is by the byte.
    else if (given > 0)
      selection.add(
        { entry, reason: "space" },
        given,
        (worthOf(entry, now, USE_HALF_LIFE_MS) * Math.max(1, size)) / given,
      );
  }

  for (let after = ""; ; ) {
    const page = rows.page(after, PAGE_ROWS);
    for (const row of page) consider(row);
    const last = page.at(-1);
    if (!last || page.length < PAGE_ROWS) break;
    after = last.name;
    await yieldToEventLoop();
  }
  const by = (reason: Reason) => expired.filter((victim) => victim.reason === reason);
  return { expired: [...by("orphan"), ...by("age")], leastValuable: selection.result(), possibleRelief };
}
