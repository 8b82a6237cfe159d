/**
 * Rescans the ebuild repositories for `portcache index`, and prints what they hold.
 */
import type { RescanReport } from "../api/action-schemas.ts";
import { formatCount, formatElapsed } from "../lib/format.ts";
import type { CommandOptions } from "./args.ts";
import { alignColumns, type Output } from "./output.ts";
import type { ActionCommand } from "./run-action.ts";

function render({ repositories }: RescanReport, paint: Output["paint"]): string {
  if (repositories.length === 0) return "No ebuild repository found: set repo.repos";
  const rows = repositories.map(({ name, packages, distfiles, duration_ms: duration, problem, location }) => [
    name,
    formatCount(packages),
    formatCount(distfiles),
    formatElapsed(duration),
    problem === null ? location : paint("red", problem),
  ]);
  const head = ["Repository", "Packages", "Distfiles", "Time", "Location"];
  return alignColumns([head.map((cell) => paint("bold", cell)), ...rows]).join("\n");
}

/** Fails if there is nothing to scan or a repository cannot be read. */
function exitCode({ repositories }: RescanReport): number {
  return repositories.length === 0 || repositories.some(({ problem }) => problem !== null) ? 1 : 0;
}

export function indexCommand(options: CommandOptions): ActionCommand<"rescan"> {
  return { action: "rescan", request: { full: options["full"] === true }, render, exitCode };
}
