/**
 * `portcache clean`: what went, or would go, and why.
 */
import type { CleanReport } from "../api/action-schemas.ts";
import { formatBytes, formatCount, plural } from "../lib/format.ts";
import type { CommandOptions } from "./args.ts";
import { alignColumns, type Output } from "./output.ts";
import type { ActionCommand } from "./run-action.ts";

const REASONS = {
  orphan: "no Manifest wants it any more",
  age: "not used for storage.max_age",
  space: "worth least, for room",
} as const;
/** --json has more. */
const MOST_SHOWN = 100;

function summary({ files, bytes, dry_run, before, after }: CleanReport): string {
  const went = dry_run ? "would go" : "removed";
  return `${plural(files, "file")} ${went}, ${formatBytes(bytes)}; the store ${dry_run ? "would have" : "has"} ${formatBytes(after.used_bytes)} instead of ${formatBytes(before.used_bytes)}.`;
}

function render(report: CleanReport, paint: Output["paint"]): string {
  const { removed, files, in_use, part_files, over_limit_bytes, dry_run } = report;
  const lines: string[] = [];
  const shown = removed.slice(0, MOST_SHOWN);
  const rows = shown.map(({ name, size, reason }) => [name, formatBytes(size).padStart(8), REASONS[reason]]);
  if (rows.length > 0) {
    lines.push(...alignColumns([["File", "    Size", "Why"].map((cell) => paint("bold", cell)), ...rows]));
    if (files > shown.length)
      lines.push(paint("dim", `… and ${formatCount(files - shown.length)} more (--json lists them)`));
    lines.push("");
  }
  lines.push(
    files === 0 ? `Nothing ${dry_run ? "would go" : "had to go"}: the store is within its limits.` : summary(report),
  );
  if (part_files > 0) lines.push(`${plural(part_files, "abandoned part file")} removed.`);
  if (in_use > 0) lines.push(`${plural(in_use, "file was", "files were")} left, as somebody asked for them just now.`);
  if (over_limit_bytes > 0) {
    lines.push(
      paint(
        "red",
        `The store is ${formatBytes(over_limit_bytes)} over its limits: the remaining files are in use or match storage.keep.`,
      ),
    );
  }
  return lines.join("\n");
}

export function cleanCommand(options: CommandOptions): ActionCommand<"clean"> {
  return {
    action: "clean",
    request: { dry_run: options["dryRun"] === true },
    render,
    exitCode: ({ over_limit_bytes }) => (over_limit_bytes > 0 ? 1 : 0),
  };
}
