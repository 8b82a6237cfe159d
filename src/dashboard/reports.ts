/**
 * What is asked of actions and what they report, as people say it (pure).
 */
import type { ActionOrder } from "./api.ts";
import { formatBytes, formatCount, formatMilliseconds, plural } from "./format.ts";

/** Names or packages, as people type or paste them: a distfile's name has no slash, a package's has one. */
export function parseWanted(text: string): { readonly names: string[]; readonly packages: string[] } {
  const words = text.split(/[\s,]+/).filter((word) => word !== "");
  return { names: words.filter((word) => !word.includes("/")), packages: words.filter((word) => word.includes("/")) };
}

function figureWords([key, value]: readonly [string, unknown]): string[] {
  const name = key.replaceAll("_", " ");
  if (Array.isArray(value)) return value.length === 0 ? [] : [`${formatCount(value.length)}\u00a0${name}`];
  if (typeof value !== "number") return [];
  if (key.endsWith("_ms")) return [`${name.replace(/ ms$/, "")} ${formatMilliseconds(value)}`];
  return [
    key.endsWith("bytes")
      ? `${formatBytes(value)} ${name.replace(/ ?bytes$/, "")}`.trimEnd()
      : `${formatCount(value)}\u00a0${name}`,
  ];
}

/** Its figures with their names: `214 files, 3.00 GiB, took 1.2 s`. */
export function reportWords(_name: ActionOrder["name"], report: object): string {
  const words = Object.entries(report).flatMap(figureWords).join(", ");
  return words === "" ? "done" : words;
}

/** What a dry run of clean-up offers to remove; undefined: nothing. */
export function cleanOffer(report: object): string | undefined {
  const { files, bytes } = report as { readonly files?: unknown; readonly bytes?: unknown };
  if (typeof files !== "number" || typeof bytes !== "number" || files === 0) return undefined;
  return `Remove ${plural(files, "file")}, ${formatBytes(bytes)}`;
}
