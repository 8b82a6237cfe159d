/**
 * What `portcache resolve` found, and how people and programs read it (pure).
 */
import type { DistEntry } from "../distfile/digests.ts";
import type { Attempt } from "../distfile/errors.ts";
import { oneLine } from "../lib/text.ts";
import { alignColumns, type Output } from "./output.ts";

interface ResolvedFile {
  readonly file: string;
  readonly found: true;
  readonly entry: DistEntry;
  /** Those that want it; `ebuilds` are their versions that name it in SRC_URI: `foo-1.2-r1`. */
  readonly packages: readonly {
    readonly repo: string;
    readonly package: string;
    readonly ebuilds: readonly string[];
  }[];
  /** In the order tried. */
  readonly uris: readonly string[];
  readonly mirrors: readonly string[];
  /** Whether mirrors are asked after the URIs. */
  readonly mirrorsLast: boolean;
  readonly restrict: { readonly fetch: boolean; readonly mirror: boolean };
  readonly refusals: readonly Attempt[];
}

export type Resolved =
  | ResolvedFile
  | { readonly file: string; readonly found: false; readonly mirrors: readonly string[] };

function toJson(resolved: Resolved): unknown {
  const { file, found, mirrors } = resolved;
  if (!resolved.found) {
    const restrict = { fetch: false, mirror: false };
    return { file, found, size: null, blake2b: null, sha512: null, packages: [], uris: [], mirrors, restrict };
  }
  const { size, blake2b = null, sha512 = null } = resolved.entry;
  const { packages, uris, restrict } = resolved;
  return { file, found, size, blake2b, sha512, packages, uris, mirrors, restrict };
}

/** Rows of a label and a value, further values of one label below it. */
function listed(label: string, values: readonly string[]): readonly (readonly string[])[] {
  return values.map((value, i) => [i === 0 ? label : "", value]);
}

function toText(resolved: Resolved, paint: Output["paint"]): string {
  if (!resolved.found) return `${paint("bold", resolved.file)}\n  ${paint("red", "No tree wants it.")}`;
  const { entry, packages, uris, mirrors, mirrorsLast, restrict, refusals } = resolved;
  const wanting = packages.map(({ repo, package: name, ebuilds }) => {
    return `${repo}: ${name}${ebuilds.length > 0 ? ` (${ebuilds.join(", ")})` : ", but none of its ebuilds"}`;
  });
  const restrictions = restrict.fetch ? ["fetch"] : restrict.mirror ? ["mirror"] : [];
  const rows = [
    ["Size", `${entry.size} bytes`],
    ...(entry.blake2b === undefined ? [] : [["BLAKE2B", entry.blake2b]]),
    ...(entry.sha512 === undefined ? [] : [["SHA512", entry.sha512]]),
    ...listed("Wanted by", wanting),
    ...listed("RESTRICT", restrictions),
    ...(mirrorsLast ? [] : listed("Mirrors", mirrors)),
    ...listed("SRC_URI", uris.map(oneLine)),
    ...(mirrorsLast ? listed("Mirrors", mirrors) : []),
    ...listed(
      "Notes",
      refusals.map(({ source, detail }) => paint("yellow", `${source} ${detail}`)),
    ),
  ];
  const lines = alignColumns(rows).map((line) => `  ${line}`);
  return [paint("bold", resolved.file), ...lines].join("\n");
}

export function renderResolved(all: readonly Resolved[], json: boolean, paint: Output["paint"]): string {
  if (json) return JSON.stringify(all.map(toJson), null, 2);
  return all.map((resolved) => toText(resolved, paint)).join("\n\n");
}
