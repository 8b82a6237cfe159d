/**
 * Fetches files into the store ahead of need, for `portcache fetch`.
 */
import { parseFetchInput } from "../actions/fetch-input.ts";
import type { FetchReport, FetchRequest } from "../api/action-schemas.ts";
import { formatBytes, formatCount, formatElapsed, formatSpeed, plural } from "../lib/format.ts";
import { shown } from "../lib/text.ts";
import { type CommandOptions, UsageError } from "./args.ts";
import type { Output } from "./output.ts";
import type { ActionCommand } from "./run-action.ts";

/** Room for all URIs of a hundred thousand files. */
const MAX_BYTES = 64 * 1024 * 1024;

/** Half of what a server accepts in a request. */
const MAX_REQUEST_BYTES = 4 * 1024 * 1024;

/** Divides names among requests that a server accepts. */
export function divideNames(names: readonly string[], most = MAX_REQUEST_BYTES): readonly string[][] {
  const parts: string[][] = [[]];
  let bytes = 0;
  for (const name of names) {
    // As JSON has it, in UTF-8.
    const length = Buffer.byteLength(JSON.stringify(name)) + 1;
    if (bytes + length > most) {
      parts.push([]);
      bytes = 0;
    }
    parts.at(-1)?.push(name);
    bytes += length;
  }
  return parts;
}

function merge(a: FetchReport, b: FetchReport): FetchReport {
  return {
    duration_ms: a.duration_ms + b.duration_ms,
    files: a.files + b.files,
    fetched: a.fetched + b.fetched,
    fetched_bytes: a.fetched_bytes + b.fetched_bytes,
    present: a.present + b.present,
    failed: a.failed + b.failed,
    results: a.results.concat(b.results),
  };
}

/** @throws {UsageError} when it is longer than any list of files */
async function readStandardInput(): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  for await (const piece of Bun.stdin.stream()) {
    bytes += piece.length;
    if (bytes > MAX_BYTES) throw new UsageError("standard input: expected a list of files, got more than 64 MiB");
    text += decoder.decode(piece, { stream: true });
  }
  return text + decoder.decode();
}

/** Failures to show; --json lists all. */
const MAX_SHOWN = 50;

function render(
  { files, fetched, fetched_bytes, present, failed, duration_ms, results }: FetchReport,
  paint: Output["paint"],
): string {
  const lines: string[] = [];
  const failures = results.filter(({ reason }) => reason !== null);
  for (const { name, reason } of failures.slice(0, MAX_SHOWN)) {
    lines.push(`${paint("red", name === "" ? '""' : shown(name))}: ${shown(reason ?? "")}`);
  }
  if (failures.length > MAX_SHOWN) {
    lines.push(paint("dim", `… and ${formatCount(failures.length - MAX_SHOWN)} more (--json lists them)`));
  }
  if (lines.length > 0) lines.push("");
  if (fetched > 0) {
    const rate = duration_ms > 0 ? `, ${formatSpeed((fetched_bytes * 1000) / duration_ms)}` : "";
    const size = `${formatBytes(fetched_bytes)}, in ${formatElapsed(duration_ms)}${rate}`;
    lines.push(`${plural(fetched, "file")} fetched, ${size}.`);
  }
  if (files === 0) lines.push("Nothing to fetch.");
  if (present > 0) lines.push(`${plural(present, "file was", "files were")} in the store already.`);
  if (failed > 0) lines.push(paint("red", `${formatCount(failed)} of ${plural(files, "file")} failed.`));
  return lines.join("\n");
}

/** @throws {UsageError} */
export async function fetchCommand(
  operands: readonly string[],
  options: CommandOptions,
): Promise<ActionCommand<"fetch">> {
  const { package: named, version } = options;
  const packages = typeof named === "object" ? named : [];
  if (operands.length + packages.length === 0)
    throw new UsageError("fetch: expected FILE..., --package CAT/PKG, or - for standard input, got nothing");
  if (typeof version === "string" && packages.length === 0) {
    throw new UsageError("--version: expected --package CAT/PKG with it, got none");
  }
  const names = operands.filter((operand) => operand !== "-");
  if (operands.includes("-")) names.push(...parseFetchInput(await readStandardInput()));
  const [first = [], ...others] = divideNames(names);
  const request: FetchRequest = {
    names: first,
    packages: [...packages],
    ...(typeof version === "string" ? { version } : {}),
  };
  const more = others.map((part): FetchRequest => ({ names: part, packages: [] }));
  return { action: "fetch", request, more, merge, render, exitCode: ({ failed }) => (failed > 0 ? 1 : 0) };
}
