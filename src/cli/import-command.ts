/**
 * `portcache import DIR`: adopts what a DISTDIR holds, and says what was left and why.
 */
import { resolve } from "node:path";
import type { ImportReport } from "../api/action-schemas.ts";
import { formatBytes, formatCount, formatSpan, plural } from "../lib/format.ts";
import { oneLine } from "../lib/text.ts";
import type { Output } from "./output.ts";
import type { ActionCommand } from "./run-action.ts";

const REASONS: Readonly<Record<string, string>> = {
  unknown: "no Manifest has them",
  size: "have another size than the Manifest says",
  digest: "have other content than the Manifest says",
  "no-hash": "have no BLAKE2B or SHA512 in their Manifest",
  name: "have names that no distfile has",
  portage: "are Portage's own (unfinished, locks, or failed their check)",
  link: "are symbolic links",
  special: "are neither files nor folders",
  folder: "are folders (checkouts of live ebuilds, say)",
  unreadable: "can't be read",
  busy: "are being fetched just now",
  full: "found no room in the store (storage.max_size, storage.min_free)",
};
/** Of each reason; --json has more. */
const EXAMPLES = 5;
/** Something went wrong with these, while the others are merely none of ours. */
const BAD = new Set(["unreadable", "full"]);

function render(report: ImportReport, paint: Output["paint"]): string {
  const { adopted, adopted_bytes, present, duration_ms, folder } = report;
  const lines = [
    `${paint("green", plural(adopted, "file"))} taken in from ${folder}, ${formatBytes(adopted_bytes)}, in ${formatSpan(duration_ms)}.`,
  ];
  if (present > 0) lines.push(`${plural(present, "file was", "files were")} in the store already.`);
  for (const { reason, files, examples } of report.skipped) {
    lines.push(
      `${paint(BAD.has(reason) ? "red" : "yellow", `${formatCount(files)} skipped`)}: ${REASONS[reason] ?? reason}`,
    );
    for (const example of examples.slice(0, EXAMPLES)) lines.push(`  ${oneLine(example)}`);
    if (files > EXAMPLES) lines.push(paint("dim", `  … and ${formatCount(files - EXAMPLES)} more`));
  }
  return lines.join("\n");
}

export function importCommand(folder: string): ActionCommand<"import"> {
  return {
    action: "import",
    request: { folder: resolve(folder) },
    render,
    exitCode: ({ skipped }) => (skipped.some(({ reason }) => BAD.has(reason)) ? 1 : 0),
  };
}
