/**
 * Reads and writes the record of installed files, in the format of sha256sum (pure): `sha256sum --check` verifies it.
 */
import type { Digest } from "./plan.ts";

export function parseRecord(text: string): ReadonlyMap<string, Digest> {
  const lines = text.split("\n").flatMap((line) => {
    const [, digest, path] = /^([0-9a-f]{64}) [ *](\/.*)$/.exec(line) ?? [];
    return digest === undefined || path === undefined ? [] : [[path, digest] as const];
  });
  return new Map(lines);
}

export function formatRecord(record: ReadonlyMap<string, Digest>): string {
  const lines = [...record].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([path, digest]) => `${digest}  ${path}\n`);
  return lines.join("");
}
