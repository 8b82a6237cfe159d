/**
 * Turns the input of the fetch form into a request, and reports of actions into sentences (pure).
 */
import type {
  ActionsResponse,
  CleanReport,
  DismissReport,
  DropReport,
  FetchReport,
  RescanReport,
  VerifyReport,
} from "../api/action-schemas.ts";
import type { ActionReports } from "../api/actions.ts";
import type { DashboardAction } from "./api.ts";
import { formatBytes, formatCount, formatMilliseconds, plural } from "./format.ts";

/** CATEGORY/PACKAGE (PMS 3.1.1, 3.1.2): a package's name has no dot, unlike the names of files in a mirror's folders. */
const PACKAGE = /^[A-Za-z0-9_][\w.+-]*\/[A-Za-z0-9_][\w+-]*$/;

/** Splits typed or pasted text into names of files and packages. */
export function parseFetchField(text: string): { readonly names: string[]; readonly packages: string[] } {
  const words = text.split(/[\s,]+/).filter((word) => word !== "");
  return {
    names: words.filter((word) => !PACKAGE.test(word)),
    packages: words.filter((word) => PACKAGE.test(word)),
  };
}

function rescanText({ repositories, duration_ms }: RescanReport): string {
  const packages = repositories.reduce((sum, repository) => sum + repository.packages, 0);
  const distfiles = repositories.reduce((sum, repository) => sum + repository.distfiles, 0);
  const problems = repositories.flatMap(({ name, problem }) => (problem === null ? [] : [`${name}: ${problem}`]));
  const scanned = `${plural(repositories.length, "repository", "repositories")} with ${plural(packages, "package")} and ${plural(distfiles, "distfile")} scanned`;
  return [`${scanned} in ${formatMilliseconds(duration_ms)}`, ...problems].join("; ");
}

function cleanText({ dry_run, files, bytes, over_limit_bytes, over_limit_files, in_use }: CleanReport): string {
  const overBytes =
    over_limit_bytes > 0
      ? `; still ${formatBytes(over_limit_bytes)} over the limits, as the remaining files are kept or in use`
      : "";
  const overFiles = over_limit_files > 0 ? `; ${plural(over_limit_files, "inode")} too few free on the disk` : "";
  const excess = overBytes + overFiles;
  if (files === 0) return `nothing to remove${excess}`;
  const amount = `${plural(files, "file")}, ${formatBytes(bytes)}`;
  if (dry_run) return `${amount} can be removed`;
  return `${amount} removed${in_use > 0 ? `, ${plural(in_use, "file")} in use kept` : ""}${excess}`;
}

/** How many files a sentence names; the command line lists all. */
const MAX_NAMED = 5;

function firstLine(text: string): string {
  return text.split("\n")[0] ?? "";
}

function verifyText({ files, bytes, bad, repair }: VerifyReport): string {
  const checked = `${plural(files, "file")} checked, ${formatBytes(bytes)}`;
  if (bad.length === 0) return `${checked}: all intact`;
  const names = bad.slice(0, MAX_NAMED).map(({ name, problem, outcome }) => `${name} (${problem}; ${outcome})`);
  const more = bad.length > MAX_NAMED ? ` and ${formatCount(bad.length - MAX_NAMED)} more` : "";
  const hint = repair ? "" : ". “Verify and repair” downloads them again or removes them";
  return `${checked}: ${formatCount(bad.length)} bad: ${names.join(", ")}${more}${hint}`;
}

function dropText({ files, bytes, absent }: DropReport): string {
  if (files === 0) return absent.length > 0 ? "not in the store" : "nothing to remove";
  return `${plural(files, "file")} removed, ${formatBytes(bytes)}`;
}

function fetchText({ files, fetched, fetched_bytes, present, failed, results }: FetchReport): string {
  if (files === 0) return "nothing to fetch";
  const parts = [
    ...(fetched > 0 ? [`${plural(fetched, "file")} fetched, ${formatBytes(fetched_bytes)}`] : []),
    ...(present > 0 ? [`${formatCount(present)} already in the store`] : []),
  ];
  if (failed > 0) {
    const bad = results.filter(({ outcome }) => outcome === "absent" || outcome === "failed");
    const names = bad
      .slice(0, MAX_NAMED)
      .map(({ name, reason }) => (reason === null ? name : `${name} (${firstLine(reason)})`));
    const more = failed > names.length ? ` and ${formatCount(failed - names.length)} more` : "";
    parts.push(`${formatCount(failed)} failed: ${names.join(", ")}${more}`);
  }
  return parts.join("; ");
}

function dismissText({ failures }: DismissReport): string {
  return failures === 0 ? "nothing to dismiss" : `${plural(failures, "problem")} dismissed`;
}

const TEXTS: { readonly [Name in DashboardAction]: (report: ActionReports[Name]) => string } = {
  rescan: rescanText,
  clean: cleanText,
  verify: verifyText,
  drop: dropText,
  dismiss: dismissText,
  fetch: fetchText,
};

/** Describes the report of an action in a sentence. */
export function reportText<Name extends DashboardAction>(name: Name, report: ActionReports[Name]): string {
  return TEXTS[name](report);
}

const TITLES: { readonly [Name in DashboardAction]: string } = {
  rescan: "Rescan repositories",
  clean: "Clean up",
  verify: "Verify",
  drop: "Remove file",
  dismiss: "Dismiss",
  fetch: "Fetch",
};

function isDashboardAction(name: string): name is DashboardAction {
  return Object.hasOwn(TITLES, name);
}

type KeptReport = ActionsResponse["actions"][number];

export function keptTitle({ name }: KeptReport): string {
  return isDashboardAction(name) ? TITLES[name] : name;
}

/** Describes an action that ended while nobody looked. */
export function keptText({ name, result, error }: KeptReport): string {
  if (error !== null) return error;
  return isDashboardAction(name) && result !== null ? reportText(name, result as never) : "done";
}

/** Returns the text of the button that confirms a clean-up, from the report of its dry run; undefined if nothing can go. */
export function cleanConfirmation(report: ActionReports[DashboardAction]): string | undefined {
  if (!("dry_run" in report) || report.files === 0) return undefined;
  return `Remove ${plural(report.files, "file")}, ${formatBytes(report.bytes)}`;
}
