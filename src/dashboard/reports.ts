/**
 * What is asked of actions and what they report, as people say it (pure).
 */
import type { CleanReport, DropReport, FetchReport, RescanReport, VerifyReport } from "../api/action-schemas.ts";
import type { ActionOrder } from "./api.ts";
import { formatBytes, formatCount, formatMilliseconds, plural } from "./format.ts";

/** Names or packages, as people type or paste them: a distfile's name has no slash, a package's has one. */
export function parseWanted(text: string): { readonly names: string[]; readonly packages: string[] } {
  const words = text.split(/[\s,]+/).filter((word) => word !== "");
  return { names: words.filter((word) => !word.includes("/")), packages: words.filter((word) => word.includes("/")) };
}

function treesRead({ repositories, duration_ms }: RescanReport): string {
  const packages = repositories.reduce((sum, tree) => sum + tree.packages, 0);
  const distfiles = repositories.reduce((sum, tree) => sum + tree.distfiles, 0);
  const problems = repositories.flatMap(({ name, problem }) => (problem === null ? [] : [`${name}: ${problem}`]));
  const read = `${plural(repositories.length, "tree")} with ${plural(packages, "package")} and ${plural(distfiles, "distfile")}`;
  return [`${read}, in ${formatMilliseconds(duration_ms)}`, ...problems].join("; ");
}

function cleaned({ dry_run, files, bytes, over_limit_bytes: over, in_use }: CleanReport): string {
  const still = over > 0 ? `; ${formatBytes(over)} over the limits still, as the rest is kept or in use` : "";
  if (files === 0) return `there is nothing to remove${still}`;
  const amount = `${plural(files, "file")}, ${formatBytes(bytes)}`;
  if (dry_run) return `${amount} would go`;
  return `${amount} removed${in_use > 0 ? `, ${plural(in_use, "file")} left as they are in use` : ""}${still}`;
}

/** So many names are told; who wants all asks the command. */
const NAMED = 5;

/** The first line of a reason, which says what there is to say. */
function oneLine(reason: string): string {
  return reason.split("\n")[0] ?? "";
}

function verified({ files, bytes, bad, repair }: VerifyReport): string {
  const read = `${plural(files, "file")} read, ${formatBytes(bytes)}`;
  if (bad.length === 0) return `${read}: all are as they should be`;
  const names = bad.slice(0, NAMED).map(({ name, problem, outcome }) => `${name} (${problem}; ${outcome})`);
  const more = bad.length > NAMED ? ` and ${formatCount(bad.length - NAMED)} more` : "";
  return `${read}: ${plural(bad.length, "bad file")}: ${names.join(", ")}${more}${repair ? "" : ". “Verify and repair” mends what can be mended"}`;
}

function dropped({ files, bytes, absent }: DropReport): string {
  if (files === 0) return absent.length > 0 ? "it is not in the store" : "nothing to remove";
  return `${plural(files, "file")} removed, ${formatBytes(bytes)}`;
}

function fetched({ files, fetched_bytes, present, failed, results, ...report }: FetchReport): string {
  const words = [
    ...(report.fetched > 0 ? [`${plural(report.fetched, "file")} fetched, ${formatBytes(fetched_bytes)}`] : []),
    ...(present > 0 ? [`${plural(present, "file")} here already`] : []),
  ];
  if (failed > 0) {
    const bad = results.filter(({ outcome }) => outcome === "absent" || outcome === "failed");
    const names = bad
      .slice(0, NAMED)
      .map(({ name, reason }) => (reason === null ? name : `${name} (${oneLine(reason)})`));
    const more = failed > names.length ? ` and ${formatCount(failed - names.length)} more` : "";
    words.push(`${plural(failed, "file")} could not be had: ${names.join(", ")}${more}`);
  }
  return files === 0 ? "there is nothing to fetch" : words.join("; ");
}

/** The report of an action in a sentence. */
export function reportWords(name: ActionOrder["name"], report: object): string {
  switch (name) {
    case "rescan":
      return treesRead(report as RescanReport);
    case "clean":
      return cleaned(report as CleanReport);
    case "verify":
      return verified(report as VerifyReport);
    case "drop":
      return dropped(report as DropReport);
    default:
      return fetched(report as FetchReport);
  }
}

/** What a dry run of clean-up offers to remove; undefined: nothing. */
export function cleanOffer(report: object): string | undefined {
  const { files, bytes } = report as CleanReport;
  return files === 0 ? undefined : `Remove ${plural(files, "file")}, ${formatBytes(bytes)}`;
}
