/**
 * `portcache check`: shows the settings in force and where each comes from, and what keeps the server from running well.
 * Changes nothing.
 */
import { existsSync, readdirSync, statfsSync } from "node:fs";
import { DEFAULT_FILE, type LoadedConfig, type Origin } from "../config/load.ts";
import { canWrite } from "../config/location.ts";
import { allSettings, pathOf, type Setting } from "../config/schema.ts";
import { formatSize } from "../config/units.ts";
import { plural } from "../lib/format.ts";
import { maskCredentials } from "../lib/url.ts";
import { readSmallFile } from "../repos/discover.ts";
import { chooseSandbox } from "../repos/sandbox/choose.ts";
import { discoverConfigured } from "../server/compose-repos.ts";
import { startObstacle, tlsProblems } from "../server/preflight.ts";
import { alignColumns, type Output } from "./output.ts";

interface ShownSetting {
  readonly path: string;
  /** With secrets masked. */
  readonly value: unknown;
  /** The value as people write it. */
  readonly text: string;
  readonly origin: Origin;
}

interface Report {
  readonly settings: readonly ShownSetting[];
  readonly file: string | undefined;
  readonly store: { readonly location: string; readonly writable: boolean };
  /** Why a server cannot start now. A server that is running is an obstacle, but no problem. */
  readonly obstacle: string | undefined;
  readonly repositories: readonly { readonly name: string; readonly location: string; readonly packages: number }[];
  readonly sandbox: string;
  readonly notes: readonly string[];
  readonly problems: readonly string[];
}

type Paint = Output["paint"];

function heading(paint: Paint, text: string): string[] {
  return ["", paint("bold", text)];
}

function indented(rows: readonly (readonly string[])[]): string[] {
  return alignColumns(rows).map((line) => `  ${line}`);
}

const LONG_LIST = 38;

/** A long list has one line for each item. */
function linesOf(value: unknown, text: string): readonly string[] {
  if (text === "") return [];
  return Array.isArray(value) && text.length > LONG_LIST ? text.split(/(?<=",) /) : [text];
}

function settings({ settings }: Report, paint: Paint): string[] {
  const rows = settings.flatMap(({ path, value, text, origin }) => {
    const [first = '""', ...more] = linesOf(value, text);
    return [
      [path, origin === "default" ? paint("dim", origin) : origin, first],
      ...more.map((line) => ["", "", ` ${line}`]),
    ];
  });
  return [...heading(paint, "Settings"), ...indented(rows)];
}

function repositories({ repositories }: Report, paint: Paint): string[] {
  if (repositories.length === 0) return [];
  const rows = repositories.map(({ name, location, packages }) => [name, location, plural(packages, "package")]);
  return [...heading(paint, "Ebuild repositories"), ...indented(rows)];
}

function listed(title: string, lines: readonly string[], paint: Paint): string[] {
  return lines.length === 0 ? [] : [...heading(paint, title), ...lines.map((line) => `  ${line}`)];
}

function render(report: Report, paint: Paint): string {
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

const MASK = "********";

function settingIn<T>(values: Readonly<Record<string, Readonly<Record<string, T>>>>, setting: Setting): T | undefined {
  return values[setting.section]?.[setting.name];
}

function masked(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(masked);
  return typeof value === "string" ? maskCredentials(value) : value;
}

function describeSetting(setting: Setting, { config, origins }: LoadedConfig): ShownSetting {
  const { key } = setting;
  const given = settingIn<unknown>(config, setting);
  const value = key.secret && given !== "" ? MASK : masked(given);
  return {
    path: pathOf(setting),
    value,
    text: key.kind.format(value),
    origin: settingIn(origins, setting) ?? "default",
  };
}

function readNames(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => !entry.isFile() && !entry.name.startsWith("."))
      .map((entry) => entry.name);
  } catch {
    return [];
  }
}

function ownCategories(location: string): string[] {
  try {
    return readSmallFile(`${location}/profiles/categories`).split(/\s+/);
  } catch {
    return [];
  }
}

/** Counts the folders in categories: those that the repository lists, and those named like Gentoo's; about 170 look-ups. */
export function countPackages(location: string): number {
  const own = new Set(ownCategories(location));
  return readNames(location)
    .filter((name) => own.has(name) || name === "virtual" || name.includes("-"))
    .reduce((sum, category) => sum + readNames(`${location}/${category}`).length, 0);
}

/** Finds the sandbox in force, and why there is none. */
async function inspectSandbox({ config }: LoadedConfig): Promise<Pick<Report, "sandbox" | "notes">> {
  if (config.repo.evaluate === "never") return { sandbox: 'not used (repo.evaluate is "never")', notes: [] };
  const chosen = await chooseSandbox({ wanted: config.repo.sandbox });
  await chosen.sandbox?.stop();
  const problems = chosen.tried.map(({ problem }) => problem);
  if (chosen.sandbox) return { sandbox: chosen.sandbox.kind, notes: [] };
  const note = `No sandbox works here, so ebuilds are not evaluated and only their md5-cache is used. ${problems.join(" ")}`;
  return { sandbox: "unavailable", notes: [note] };
}

/** Why new files are not stored, although the folder is writable. */
function spaceNotes({ storage }: LoadedConfig["config"]): readonly string[] {
  if (!canWrite(storage.location) || !existsSync(storage.location)) return [];
  const { bavail, bsize } = statfsSync(storage.location);
  if (bavail * bsize >= storage.min_free) return [];
  const free = `${Math.floor((bavail * bsize) / 2 ** 20)}MiB`;
  return [
    `The disk of the store has ${free} free, but storage.min_free is ${formatSize(storage.min_free)}: stored files are removed, and new ones are served without being stored`,
  ];
}

async function inspect(loaded: LoadedConfig): Promise<Report> {
  const { server, storage, fetcher } = loaded.config;
  const found = discoverConfigured(loaded.config);
  const writable = canWrite(storage.location);
  const problems = [
    ...(writable ? [] : [`The store ${storage.location} cannot be written (set storage.location to use another)`]),
    ...tlsProblems(server),
    ...(fetcher.mirrors.length > 0 ? [] : ["fetcher.mirrors is empty: expected at least one mirror"]),
    ...found.problems.map(maskCredentials),
  ];
  const { sandbox, notes: sandboxNotes } = await inspectSandbox(loaded);
  const notes = [...loaded.notes, ...spaceNotes(loaded.config), ...sandboxNotes];
  for (const url of found.pending)
    notes.push(`The repository ${maskCredentials(url)} will be cloned when the server runs`);
  if (found.repositories.length + found.pending.length === 0) {
    notes.push("No ebuild repository found, so files cannot be checked against Manifests (set repo.repos)");
  }
  return {
    settings: allSettings().map((setting) => describeSetting(setting, loaded)),
    file: loaded.file,
    store: { location: storage.location, writable },
    obstacle: startObstacle(loaded.config),
    repositories: found.repositories.map(({ name, location }) => ({
      name,
      location,
      packages: countPackages(location),
    })),
    sandbox,
    notes,
    problems,
  };
}

/** The report as --json prints it. */
function toJson({ settings, file, obstacle, ...rest }: Report): unknown {
  const config: Record<string, Record<string, unknown>> = {};
  for (const { path, value, origin } of settings) {
    const [section = "", name = ""] = path.split(".");
    config[section] = { ...config[section], [name]: { value, origin } };
  }
  return { config, file: file ?? null, obstacle: obstacle ?? null, ...rest };
}

/** @returns the exit code: 1 if there are problems */
export async function check(loaded: LoadedConfig, json: boolean, output: Output): Promise<number> {
  const report = await inspect(loaded);
  output.out(json ? JSON.stringify(toJson(report), null, 2) : render(report, output.paint));
  return report.problems.length > 0 ? 1 : 0;
}
