/**
 * Reads the index page by page and lets the policy choose; between pages others have their turn.
 */
import type { FileName } from "../distfile/mirror-path.ts";
import { type DistfileWorth, HEAT_HALF_LIFE_MS } from "../index/files.ts";
import { createSelection, type Entry, type Limits, outlived, type Victim, worthOf } from "./policy.ts";

/** What clean-up goes by, of a distfile or of what else is stored. */
export type Worth = Omit<DistfileWorth, "name"> & { readonly name: FileName };

export interface ChooseDeps {
  readonly rows: { page(after: string, limit: number): readonly Worth[] };
  /** How much harder than from a mirror a file from that URL is to get again; it is empty for files found on disk. */
  readonly scarcity: (source: string) => number;
  /** Whether it never goes. */
  readonly kept: (name: FileName) => boolean;
  /** Lets others have their turn; rejects where all is to stop. */
  readonly breathe: () => Promise<void>;
}

export interface Chosen {
  /** Those that have outlived their time, whatever room there is. */
  readonly outlived: readonly Victim[];
  /** Least valuable first, enough for the bytes asked for where there are so many. */
  readonly cheapest: readonly Victim[];
  /** Of all that may go. */
  readonly candidateBytes: number;
}

const PAGE_ROWS = 100;

export async function choose(
  bytes: number,
  { limits, now, free }: { readonly limits: Limits; readonly now: number; readonly free: (name: FileName) => boolean },
  deps: ChooseDeps,
): Promise<Chosen> {
  const old: Victim[] = [];
  const selection = createSelection(bytes);
  let candidateBytes = 0;

  function consider(row: Worth): void {
    if (deps.kept(row.name) || !free(row.name)) return;
    const { name, size } = row;
    candidateBytes += size;
    const entry: Entry = { ...row, scarcity: deps.scarcity(row.source) };
    const reason = outlived(entry, limits, now);
    if (reason) old.push({ name, size, reason });
    else if (bytes > 0) selection.add({ name, size, reason: "space" }, worthOf(entry, now, HEAT_HALF_LIFE_MS));
  }

  for (let after = ""; ; ) {
    const page = deps.rows.page(after, PAGE_ROWS);
    for (const row of page) consider(row);
    const last = page.at(-1);
    if (!last || page.length < PAGE_ROWS) break;
    after = last.name;
    await deps.breathe();
  }
  const first = (reason: Victim["reason"]) => old.filter((victim) => victim.reason === reason);
  return { outlived: [...first("orphan"), ...first("age")], cheapest: selection.result(), candidateBytes };
}
