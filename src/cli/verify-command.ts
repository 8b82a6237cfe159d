/**
 * `portcache verify`: what is bad in the store, and what was done about it.
 */

import type { VerifyReport } from "../api/action-schemas.ts";
import { parseSize } from "../config/units.ts";
import { formatBytes, formatSpan, plural } from "../lib/format.ts";
import type { CommandOptions } from "./args.ts";
import { UsageError } from "./args.ts";
import { alignColumns, type Output } from "./output.ts";
import type { ActionCommand } from "./run-action.ts";

const DEFAULT_BYTES_PER_SECOND = 100 * 1024 * 1024;

function render(
  { files, bytes, duration_ms, bad, stale, unverified, repair }: VerifyReport,
  paint: Output["paint"],
): string {
  const lines: string[] = [];
  if (bad.length > 0) {
    const rows = bad.map(({ name, size, problem, outcome }) => [
      name,
      formatBytes(size).padStart(8),
      paint(outcome === "unrepaired" ? "red" : "yellow", outcome),
      problem,
    ]);
    lines.push(
      ...alignColumns([["File", "    Size", "Outcome", "Problem"].map((cell) => paint("bold", cell)), ...rows]),
      "",
    );
  }
  lines.push(`${plural(files, "file")} read, ${formatBytes(bytes)}, in ${formatSpan(duration_ms)}.`);
  if (stale > 0)
    lines.push(`${plural(stale, "file is", "files are")} intact, but the Manifests now list other content.`);
  if (unverified > 0) lines.push(`${plural(unverified, "file is", "files are")} intact, but in no Manifest.`);
  if (bad.length === 0) lines.push(paint("green", "Nothing is bad."));
  else {
    const left = bad.filter(({ outcome }) => outcome === "unrepaired").length;
    const told = repair || left === 0 ? "mended" : "they go to no client any more; --repair mends them";
    lines.push(paint(left > 0 ? "red" : "yellow", `${plural(bad.length, "file is", "files are")} bad: ${told}.`));
  }
  return lines.join("\n");
}

/** @throws {UsageError} */
function rateOf(given: unknown): number {
  if (typeof given !== "string") return DEFAULT_BYTES_PER_SECOND;
  const rate = parseSize(given);
  if (rate === undefined) throw new UsageError("--rate", given, "a size such as 50MiB, or 0");
  return rate;
}

/** @throws {UsageError} */
export function verifyCommand(options: CommandOptions): ActionCommand<"verify"> {
  return {
    action: "verify",
    request: { repair: options["repair"] === true, bytes_per_second: rateOf(options["rate"]) },
    render,
    exitCode: ({ bad }) => (bad.some(({ outcome }) => outcome === "unrepaired") ? 1 : 0),
  };
}
