/**
 * Selects the bytes that a Range request gets (RFC 9110, section 14; pure). One range is served; several, or a malformed field,
 * are ignored and the whole file is sent, which the RFC allows.
 */
import type { ByteRange } from "../lib/byte-range.ts";

export type SelectedRange = ByteRange | "whole" | "unsatisfiable";

/** A longer field is ignored: one range takes no more than two numbers. */
export const MAX_RANGE_CHARACTERS = 200;
const RANGE = /^\s*bytes\s*=\s*(?:(\d+)\s*)?-(?:\s*(\d+))?\s*$/i;

/** @param size of the whole file in bytes */
export function selectRange(header: string | null, size: number): SelectedRange {
  if (header === null) return "whole";
  if (header.length > MAX_RANGE_CHARACTERS) return "whole";
  const match = RANGE.exec(header);
  if (!match) return "whole";
  const [first, last] = [match[1] ?? "", match[2] ?? ""];
  if (first === "" && last === "") return "whole";
  if (first === "") {
    const length = Math.min(Number(last), size);
    return length === 0 ? "unsatisfiable" : { start: size - length, end: size };
  }
  const start = Number(first);
  const end = last === "" ? size : Math.min(Number(last) + 1, size);
  if (last !== "" && Number(last) < start) return "whole";
  return start >= size ? "unsatisfiable" : { start, end };
}
