/**
 * Content-Range of a 206 or 416 (RFC 9110, section 14.4): `bytes FIRST-LAST/TOTAL`, `bytes FIRST-LAST/*`.
 */

export interface ContentRange {
  readonly first: number;
  readonly last: number;
  /** Undefined where the sender does not know it. */
  readonly total: number | undefined;
}

/** Undefined where the text is not a satisfied byte range, or contradicts itself. */
export function parseContentRange(text: string | null): ContentRange | undefined {
  const match = /^bytes\s+(\d{1,15})-(\d{1,15})\/(\d{1,15}|\*)$/i.exec(text?.trim() ?? "");
  if (!match) return undefined;
  const first = Number(match[1]);
  const last = Number(match[2]);
  const total = match[3] === "*" ? undefined : Number(match[3]);
  if (last < first || (total !== undefined && last >= total)) return undefined;
  return { first, last, total };
}
