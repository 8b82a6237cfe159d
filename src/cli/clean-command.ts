/**
 * Prints for `portcache clean` which files were removed, or would be, and why.
 */
import type { CleanReport } from "../api/action-schemas.ts";
import { formatBytes, formatCount, plural } from "../lib/format.ts";
import { cleanupLabel } from "../status/labels.ts";
import type { CommandOptions } from "./args.ts";
import { alignColumns, type Output } from "./output.ts";
import type { ActionCommand } from "./run-action.ts";

/** --json lists all. */
const MAX_SHOWN = 100;

function summary({ files, bytes, dry_run, before, after }: CleanReport): string {
  const [removed, size] = [plural(files, "file"), formatBytes(bytes)];
  const change = `from ${formatBytes(before.used_bytes)} to ${formatBytes(after.used_bytes)}`;
  return dry_run
    ? `Would remove ${removed} (${size}); the store would shrink ${change}.`
    : `Removed ${removed} (${size}); the store shrank ${change}.`;
}

function render(report: CleanReport, paint: Output["paint"]): string {
  const { removed, files, in_use, part_files, over_limit_bytes, over_limit_files, dry_run } = report;
  const lines: string[] = [];
  const shown = removed.slice(0, MAX_SHOWN);
  const rows = shown.map(({ name, size, reason }) => [name, formatBytes(size).padStart(8), cleanupLabel(reason)]);
  if (rows.length > 0) {
    lines.push(...alignColumns([["File", "    Size", "Why"].map((cell) => paint("bold", cell)), ...rows]));
    if (files > shown.length)
      lines.push(paint("dim", `… and ${formatCount(files - shown.length)} more (--json lists them)`));
    lines.push("");
  }
  if (files > 0) lines.push(summary(report));
  else if (over_limit_bytes + over_limit_files + part_files === 0)
    lines.push("Nothing to remove: the store is within its limits.");
  if (part_files > 0) lines.push(`${plural(part_files, "abandoned part file")} ${dry_run ? "would be " : ""}removed.`);
  if (in_use > 0) lines.push(`${plural(in_use, "file")} kept: requested a moment ago.`);
  if (over_limit_bytes > 0) {
    const size = formatBytes(over_limit_bytes);
    lines.push(
      paint("red", `The store is ${size} over its limits; the rest is in use, unfinished or in storage.keep.`),
    );
  }
  if (over_limit_files > 0) {
    const inodes = plural(over_limit_files, "inode");
    lines.push(
      paint("red", `The disk has ${inodes} too few free; the rest is in use, in storage.keep, or not the store's.`),
    );
  }
  return lines.join("\n");
}

export function cleanCommand(options: CommandOptions): ActionCommand<"clean"> {
  return {
    action: "clean",
    request: { dry_run: options["dryRun"] === true },
    render,
    exitCode: ({ over_limit_bytes, over_limit_files }) => (over_limit_bytes + over_limit_files > 0 ? 1 : 0),
  };
}
