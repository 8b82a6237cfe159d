/**
 * Keeps track of which bytes of a file are here (pure): several sources may send several parts of it at once.
 */
import type { ByteRange } from "../lib/byte-range.ts";

export interface ByteRanges {
  /** Bytes here from the start of the file without a gap. */
  readonly front: number;
  /** Whether bytes are here behind a gap. */
  readonly sparse: boolean;
  add(start: number, end: number): void;
  /** Returns the byte up to which all is here from this one on; the offset itself where it is not here. */
  until(offset: number): number;
  /** Returns what is missing between the two offsets, in order. */
  gaps(start: number, end: number): readonly ByteRange[];
  clear(): void;
}

/** @param length bytes that are here already */
export function createByteRanges(length: number): ByteRanges {
  /** In order, and never touching each other. */
  let ranges: readonly ByteRange[] = length > 0 ? [{ start: 0, end: length }] : [];
  const front = () => (ranges[0]?.start === 0 ? ranges[0].end : 0);

  return {
    get front() {
      return front();
    },
    get sparse() {
      return ranges.length > (front() > 0 ? 1 : 0);
    },
    add(start, end) {
      if (end <= start) return;
      const apart = ranges.filter((range) => range.end < start || range.start > end);
      const touched = ranges.filter((range) => range.end >= start && range.start <= end);
      const joined = {
        start: Math.min(start, ...touched.map((range) => range.start)),
        end: Math.max(end, ...touched.map((range) => range.end)),
      };
      ranges = [...apart, joined].toSorted((a, b) => a.start - b.start);
    },
    until: (offset) => ranges.find((range) => range.start <= offset && offset < range.end)?.end ?? offset,
    gaps(start, end) {
      const missing: ByteRange[] = [];
      let at = start;
      for (const range of ranges) {
        if (range.end <= at) continue;
        if (range.start >= end) break;
        if (range.start > at) missing.push({ start: at, end: range.start });
        at = range.end;
      }
      if (at < end) missing.push({ start: at, end });
      return missing;
    },
    clear() {
      ranges = [];
    },
  };
}
