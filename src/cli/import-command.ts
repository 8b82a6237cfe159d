/**
 * Copies the files of a DISTDIR, or a single one, into the store for `portcache import PATH`, and prints which were skipped and why.
 */
import { statSync } from "node:fs";
import { resolve } from "node:path";
import { findSource } from "../actions/import.ts";
import type { ImportReport } from "../api/action-schemas.ts";
import { formatBytes, formatCount, formatElapsed, plural } from "../lib/format.ts";
import { shown } from "../lib/text.ts";
import type { Output } from "./output.ts";
import type { ActionCommand } from "./run-action.ts";

const REASONS: Readonly<Record<string, string>> = {
  unknown: "in no Manifest",
  size: "size differs from the Manifest",
  digest: "content differs from the Manifest",
  "no-hash": "no hash in the Manifest that can be computed here",
  name: "not a valid file name for a distfile",
  portage: "files of Portage itself (unfinished, locks, or failed their check)",
  link: "symbolic links",
  special: "neither file nor folder",
  folder: "folders (such as checkouts of live ebuilds)",
  unreadable: "not readable",
  busy: "being fetched right now",
  full: "no room in the store (see storage.max_size, storage.min_free)",
};
/** Examples to show of each reason; --json has more. */
const EXAMPLES = 5;
/** These reasons are failures; files of a folder skipped for the others are merely not distfiles. */
const FAILURES = new Set(["unreadable", "full"]);

function render(report: ImportReport, paint: Output["paint"]): string {
  const { adopted, adopted_bytes, present, duration_ms, folder } = report;
  const lines = [
    `${paint("green", plural(adopted, "file"))} imported from ${folder}, ${formatBytes(adopted_bytes)}, in ${formatElapsed(duration_ms)}.`,
  ];
  if (present > 0) lines.push(`${plural(present, "file was", "files were")} in the store already.`);
  for (const { reason, files, examples } of report.skipped) {
    lines.push(
      `${paint(FAILURES.has(reason) ? "red" : "yellow", `${formatCount(files)} skipped`)}: ${REASONS[reason] ?? reason}`,
    );
    for (const example of examples.slice(0, EXAMPLES)) lines.push(`  ${shown(example)}`);
    if (files > EXAMPLES) lines.push(paint("dim", `  … and ${formatCount(files - EXAMPLES)} more`));
  }
  return lines.join("\n");
}

export function importCommand(given: string): ActionCommand<"import"> {
  const path = resolve(given);
  const isFile = statSync(path, { throwIfNoEntry: false })?.isFile() === true;
  return {
    action: "import",
    request: { folder: path },
    check: () => findSource(path),
    render,
    exitCode: ({ skipped }) => (skipped.some(({ reason }) => isFile || FAILURES.has(reason)) ? 1 : 0),
  };
}
