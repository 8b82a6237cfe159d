/**
 * `portcache index`: reads the trees now, in the server where one runs, and tells what is known of them.
 */
import type { RescanReport } from "../api/action-schemas.ts";
import { formatCount, formatSpan } from "../lib/format.ts";
import type { CommandOptions } from "./args.ts";
import { alignColumns, type Output } from "./output.ts";
import type { ActionCommand } from "./run-action.ts";

function render({ repositories }: RescanReport, paint: Output["paint"]): string {
  if (repositories.length === 0) return "No ebuild repository was found (repo.repos names some)";
  const rows = repositories.map(({ name, packages, distfiles, duration_ms: took, problem, location }) => [
    name,
    formatCount(packages),
    formatCount(distfiles),
    formatSpan(took),
    problem === null ? location : paint("red", problem),
  ]);
  const head = ["Repository", "Packages", "Distfiles", "Took", "Location"];
  return alignColumns([head.map((cell) => paint("bold", cell)), ...rows]).join("\n");
}

/** A tree that can't be read is something bad that was found. */
function exitCode({ repositories }: RescanReport): number {
  return repositories.length === 0 || repositories.some(({ problem }) => problem !== null) ? 1 : 0;
}

export function indexCommand(options: CommandOptions): ActionCommand<"rescan"> {
  return { action: "rescan", request: { full: options["full"] === true }, render, exitCode };
}
