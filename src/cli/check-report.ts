/**
 * What `portcache check` found, and how people read it (pure).
 */
import { DEFAULT_FILE, type Origin } from "../config/load.ts";
import { alignColumns, type Output } from "./output.ts";

export interface ShownSetting {
  readonly path: string;
  /** Without secrets. */
  readonly value: unknown;
  /** The same as people write it. */
  readonly text: string;
  readonly origin: Origin;
}

export interface Report {
  readonly settings: readonly ShownSetting[];
  readonly file: string | undefined;
  readonly store: { readonly location: string; readonly writable: boolean };
  /** Why a server could not start now. One that runs is such a reason, and no problem. */
  readonly obstacle: string | undefined;
  readonly repositories: readonly { readonly name: string; readonly location: string; readonly packages: number }[];
  readonly sandbox: string;
  readonly notes: readonly string[];
  /** Where this is empty all is well. */
  readonly problems: readonly string[];
}

type Paint = Output["paint"];

function heading(paint: Paint, text: string): string[] {
  return ["", paint("bold", text)];
}

function indented(rows: readonly (readonly string[])[]): string[] {
  return alignColumns(rows).map((line) => `  ${line}`);
}

function settings({ settings }: Report, paint: Paint): string[] {
  const rows = settings.map(({ path, text, origin }) => [
    path,
    origin === "default" ? paint("dim", origin) : origin,
    text === "" ? '""' : text,
  ]);
  return [...heading(paint, "Settings"), ...indented(rows)];
}

function repositories({ repositories }: Report, paint: Paint): string[] {
  if (repositories.length === 0) return [];
  const rows = repositories.map(({ name, location, packages }) => [name, location, `${packages} packages`]);
  return [...heading(paint, "Ebuild repositories"), ...indented(rows)];
}

function listed(title: string, lines: readonly string[], paint: Paint): string[] {
  return lines.length === 0 ? [] : [...heading(paint, title), ...lines.map((line) => `  ${line}`)];
}

export function renderReport(report: Report, paint: Paint): string {
  const { file, store, obstacle, notes, problems } = report;
  const summary = alignColumns([
    ["Configuration", file ?? `built-in defaults (there is no ${DEFAULT_FILE})`],
    ["Store", `${store.location} (${store.writable ? "writable" : paint("red", "not writable")})`],
    ["Server", obstacle ?? "can start"],
    ["Sandbox", report.sandbox],
  ]);
  return [
    ...summary,
    ...settings(report, paint),
    ...repositories(report, paint),
    ...listed("Notes", notes, paint),
    ...listed(
      "Problems",
      problems.map((problem) => paint("red", problem)),
      paint,
    ),
    ...(problems.length === 0 ? ["", paint("green", "No problems found.")] : []),
  ].join("\n");
}
