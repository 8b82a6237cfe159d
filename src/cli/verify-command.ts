/**
 * Prints for `portcache verify` which stored files are bad, and what was done about them.
 */
import type { VerifyReport } from "../api/action-schemas.ts";
import { parseSize } from "../config/units.ts";
import { formatBytes, formatCount, formatElapsed, plural } from "../lib/format.ts";
import { type CommandOptions, wrongValue } from "./args.ts";
import { alignColumns, type Output } from "./output.ts";
import type { ActionCommand } from "./run-action.ts";

const DEFAULT_BYTES_PER_SECOND = 100 * 1024 * 1024;

const OUTCOMES = { unrepaired: "not repaired", refetched: "fetched again", removed: "removed" } as const;

function conclusion({ bad, repair }: VerifyReport, paint: Output["paint"]): string {
  if (bad.length === 0) return paint("green", "No bad files.");
  const left = bad.filter(({ outcome }) => outcome === "unrepaired").length;
  const found = plural(bad.length, "bad file");
  if (left === 0) {
    const removed = bad.filter(({ outcome }) => outcome === "removed").length;
    const refetched = bad.length - removed;
    const done = [
      ...(refetched > 0 ? [`${formatCount(refetched)} fetched again`] : []),
      ...(removed > 0 ? [`${formatCount(removed)} removed`] : []),
    ];
    return paint("yellow", `${found}: ${done.join(", ")}.`);
  }
  return paint(
    "red",
    repair ? `${found}, ${formatCount(left)} not repaired.` : `${found}, no longer served: run verify --repair.`,
  );
}

function render(report: VerifyReport, paint: Output["paint"]): string {
  const { files, bytes, duration_ms, bad, stale, unverified, missing } = report;
  const rows = bad.map(({ name, size, problem, outcome }) => [
    name,
    formatBytes(size).padStart(8),
    paint(outcome === "unrepaired" ? "red" : "yellow", OUTCOMES[outcome]),
    problem,
  ]);
  const head = ["File", "    Size", "Outcome", "Problem"].map((cell) => paint("bold", cell));
  return [
    ...(rows.length > 0 ? [...alignColumns([head, ...rows]), ""] : []),
    `${plural(files, "file")} read, ${formatBytes(bytes)}, in ${formatElapsed(duration_ms)}.`,
    ...(stale > 0 ? [`${plural(stale, "file")} intact, but the Manifests now want another version.`] : []),
    ...(unverified > 0
      ? [`${plural(unverified, "file")} intact, but unverified: in no Manifest, or in one without a usable hash.`]
      : []),
    ...(missing > 0 ? [`${plural(missing, "file")} of the index not found on disk.`] : []),
    conclusion(report, paint),
  ].join("\n");
}

/** @throws {UsageError} */
function rateOf(given: unknown): number {
  if (typeof given !== "string") return DEFAULT_BYTES_PER_SECOND;
  const rate = parseSize(given);
  if (rate === undefined) throw wrongValue("--rate", given, "a size such as 50MiB, or 0");
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
