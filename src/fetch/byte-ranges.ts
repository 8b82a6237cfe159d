/**
 * Which bytes of a file are there, as runs without a gap (pure): several sources may bring several parts of it at once.
 */

export interface Span {
  readonly start: number;
  /** The byte after the last one. */
  readonly end: number;
}

export interface Coverage {
  /** Bytes there from the start of the file without a gap. */
  readonly front: number;
  /** Whether bytes lie behind a gap. */
  readonly sparse: boolean;
  add(start: number, end: number): void;
  /** The byte up to which all is there from this one on; the offset itself where it is not there. */
  until(offset: number): number;
  /** What is missing between the two, in order. */
  gaps(start: number, end: number): readonly Span[];
  clear(): void;
}

/** @param length bytes that are there already */
export function createCoverage(length: number): Coverage {
  /** In order, and never touching each other. */
  let runs: readonly Span[] = length > 0 ? [{ start: 0, end: length }] : [];
  const front = () => (runs[0]?.start === 0 ? runs[0].end : 0);

  return {
    get front() {
      return front();
    },
    get sparse() {
      return runs.length > (front() > 0 ? 1 : 0);
    },
    add(start, end) {
      if (end <= start) return;
      const apart = runs.filter((run) => run.end < start || run.start > end);
      const touched = runs.filter((run) => run.end >= start && run.start <= end);
      const joined = {
        start: Math.min(start, ...touched.map((run) => run.start)),
        end: Math.max(end, ...touched.map((run) => run.end)),
      };
      runs = [...apart, joined].toSorted((a, b) => a.start - b.start);
    },
    until: (offset) => runs.find((run) => run.start <= offset && offset < run.end)?.end ?? offset,
    gaps(start, end) {
      const missing: Span[] = [];
      let at = start;
      for (const run of runs) {
        if (run.end <= at) continue;
        if (run.start >= end) break;
        if (run.start > at) missing.push({ start: at, end: run.start });
        at = run.end;
      }
      if (at < end) missing.push({ start: at, end });
      return missing;
    },
    clear() {
      runs = [];
    },
  };
}
