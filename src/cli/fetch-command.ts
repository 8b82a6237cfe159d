/**
 * `portcache fetch`: brings files into the store ahead of need.
 */
import { parseFetchInput } from "../actions/fetch-input.ts";
import type { FetchReport, FetchRequest } from "../api/action-schemas.ts";
import { formatBytes, formatCount, formatSpan, plural } from "../lib/format.ts";
import { oneLine } from "../lib/text.ts";
import { type CommandOptions, UsageError } from "./args.ts";
import type { Output } from "./output.ts";
import type { ActionCommand } from "./run-action.ts";

/** All URIs of a hundred thousand files. */
const MOST_BYTES = 64 * 1024 * 1024;

/** @throws {UsageError} where it is more than any list of files */
async function readStandardInput(): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  for await (const piece of Bun.stdin.stream()) {
    bytes += piece.length;
    if (bytes > MOST_BYTES) throw new UsageError("standard input", "longer than 64 MiB", "a list of files");
    text += decoder.decode(piece, { stream: true });
  }
  return text + decoder.decode();
}

/** Of failures; --json has all. */
const MOST_SHOWN = 50;

function render(
  { files, fetched, fetched_bytes, present, failed, duration_ms, results }: FetchReport,
  paint: Output["paint"],
): string {
  const lines: string[] = [];
  const bad = results.filter(({ reason }) => reason !== null);
  for (const { name, reason } of bad.slice(0, MOST_SHOWN)) {
    lines.push(`${paint("red", oneLine(name))}: ${oneLine(reason ?? "")}`);
  }
  if (bad.length > MOST_SHOWN) lines.push(paint("dim", `… and ${formatCount(bad.length - MOST_SHOWN)} more`));
  if (lines.length > 0) lines.push("");
  const rate = duration_ms > 0 && fetched > 0 ? `, ${formatBytes((fetched_bytes * 1000) / duration_ms)}/s` : "";
  lines.push(
    `${plural(fetched, "file")} fetched, ${formatBytes(fetched_bytes)}, in ${formatSpan(duration_ms)}${rate}.`,
  );
  if (present > 0) lines.push(`${plural(present, "file was", "files were")} in the store already.`);
  if (failed > 0) lines.push(paint("red", `${formatCount(failed)} of ${plural(files, "file")} could not be had.`));
  return lines.join("\n");
}

/** @throws {UsageError} */
export async function fetchCommand(
  operands: readonly string[],
  options: CommandOptions,
): Promise<ActionCommand<"fetch">> {
  const packages = (options["package"] ?? []) as readonly string[];
  const version = options["version"];
  if (operands.length + packages.length === 0)
    throw new UsageError("what to fetch", "", "FILE..., --package CAT/PKG, or - for standard input");
  if (typeof version === "string" && packages.length === 0) {
    throw new UsageError("--version", version, "with --package CAT/PKG alone");
  }
  const names = operands.filter((operand) => operand !== "-");
  if (operands.includes("-")) names.push(...parseFetchInput(await readStandardInput()));
  const request: FetchRequest = {
    names,
    packages: [...packages],
    ...(typeof version === "string" ? { version } : {}),
  };
  return { action: "fetch", request, render, exitCode: ({ failed }) => (failed > 0 ? 1 : 0) };
}
