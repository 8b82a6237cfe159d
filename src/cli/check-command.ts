/**
 * Shows for `portcache check` the settings in force and where each comes from, and what keeps the server from running well.
 * Changes nothing.
 */
import { readdirSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { DEFAULT_FILE, type LoadedConfig, type Origin } from "../config/load.ts";
import { writeObstacle } from "../config/location.ts";
import { allSettings, pathOf, type Setting } from "../config/schema.ts";
import { formatMib, formatSize } from "../config/units.ts";
import { minFreeInodes } from "../eviction/policy.ts";
import { exists } from "../lib/exists.ts";
import { plural } from "../lib/format.ts";
import { maskCredentials } from "../lib/url.ts";
import { countPackages, type PackageCount } from "../repos/count-packages.ts";
import { noRepositoryReason, REPOS_HINT, type Repository } from "../repos/discover.ts";
import { chooseSandbox } from "../repos/sandbox/choose.ts";
import { discoverConfigured } from "../server/compose-repos.ts";
import { machineDoubts } from "../server/machine-doubts.ts";
import {
  fileProblem,
  listenProblems,
  ownFileProblems,
  startObstacle,
  storeObstacle,
  tlsFileProblems,
} from "../server/preflight.ts";
import { unmeetableReason } from "../server/unmeetable-limits.ts";
import { storeHolder } from "../store/lock.ts";
import { indexVolume, storeVolumes, type Volume } from "../store/partial-folders.ts";
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
  /** The process that holds the store. */
  readonly holder: string | undefined;
  /** The packages are counted as a scan does: those with a Manifest. */
  readonly repositories: readonly { readonly name: string; readonly location: string; readonly packages: number }[];
  readonly sandbox: string;
  readonly notes: readonly string[];
  readonly problems: readonly string[];
}

/** Start scripts wait for the check. */
const COUNT_MS = 3000;

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
  const { file, store, obstacle, holder, notes, problems } = report;
  const server = holder === undefined ? (obstacle ?? "can start") : `${holder} runs on this store`;
  const summary = alignColumns([
    ["Configuration", file ?? `built-in defaults (there is no ${DEFAULT_FILE})`],
    ["Store", `${store.location} (${store.writable ? "writable" : paint("red", "not writable")})`],
    ["Server", server],
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

/** Finds the sandbox in force, and why there is none. */
async function inspectSandbox({ config }: LoadedConfig): Promise<Pick<Report, "sandbox" | "notes">> {
  if (config.repo.evaluate === "never") return { sandbox: 'not used (repo.evaluate is "never")', notes: [] };
  const chosen = await chooseSandbox({ wanted: config.repo.sandbox });
  await chosen.sandbox?.stop();
  const problems = [...new Set(chosen.tried.map(({ problem }) => problem))];
  if (chosen.sandbox) return { sandbox: chosen.sandbox.kind, notes: [] };
  const note = `No sandbox works here, so ebuilds are not evaluated and only their md5-cache is used. ${problems.join("; ")}`;
  return { sandbox: "unavailable", notes: [note] };
}

interface Findings {
  readonly notes: readonly string[];
  readonly problems: readonly string[];
}

/** Returns what keeps files from being stored. */
function inspectStore(loaded: LoadedConfig): Findings & { readonly writable: boolean } {
  const { location, min_free } = loaded.config.storage;
  const name = loaded.nameOf("storage.location");
  const obstacle = storeObstacle(location);
  if (obstacle !== undefined) {
    const problem = `${name}: The store ${location} cannot be written (${obstacle}; set another)`;
    return { writable: false, notes: [], problems: [problem] };
  }
  const folder = lastFolder(location);
  const disks = storeVolumes(folder);
  const volumes = disks.map((volume) => inspectVolume(volume, min_free, loaded.nameOf("storage.min_free")));
  return {
    writable: true,
    notes: [...sizeNotes(loaded, disks), ...volumes.flatMap(({ notes }) => notes), ...indexNotes(folder)],
    problems: [
      ...volumes.flatMap(({ problems }) => problems),
      ...[...ownFileProblems(location), ...closedFolders(`${location}/distfiles`)].map(
        (problem) => `${name}: ${problem}`,
      ),
    ],
  };
}

/** Says that some of the folders below this one cannot be written, as after a copy by root. */
function closedFolders(folder: string): readonly string[] {
  if (!exists(folder)) return [];
  const entries = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  const names = entries.map(({ name }) => name).toSorted();
  const [first, ...more] = names.flatMap((name) => writeObstacle(`${folder}/${name}`) ?? []);
  if (first === undefined) return [];
  const others = more.length === 0 ? "" : ` (and ${plural(more.length, "other folder")} of the store)`;
  return [`Files cannot be stored in ${first}${others}`];
}

const MIN_INDEX_BYTES = 4 * 1024 * 1024;

/** Returns what keeps the index from taking notes, where it has a file system of its own. */
function indexNotes(location: string): readonly string[] {
  const volume = indexVolume(location);
  if (!volume || (volume.freeBytes >= MIN_INDEX_BYTES && volume.freeInodes > 0)) return [];
  const free = volume.freeInodes === 0 ? "no inodes free" : `${Math.floor(volume.freeBytes / 1024)}KiB free`;
  return [`The disk of ${location}, which has the index, has ${free}: what is stored and used is not noted there`];
}

/** Returns the folder itself, else the last one above it that is there. */
function lastFolder(path: string): string {
  return exists(path) ? path : lastFolder(dirname(path));
}

/** Says where the store's disks are smaller than the size that somebody has set. */
function sizeNotes({ config, origins }: LoadedConfig, disks: readonly Volume[]): readonly string[] {
  const { max_size } = config.storage;
  const total = disks.reduce((sum, { totalBytes }) => sum + totalBytes, 0);
  if (origins.storage.max_size === "default" || max_size <= total) return [];
  return [
    `storage.max_size is ${formatSize(max_size)}, but the disk has ${formatMib(total)} in total: storage.min_free alone limits the store`,
  ];
}

/** Returns what keeps files from being stored on one of the store's file systems. */
function inspectVolume(volume: Volume, minFree: number, minFreeName: string): Findings {
  const { folder, freeBytes, freeInodes, totalInodes } = volume;
  const unmeetable = unmeetableReason(volume, minFree);
  if (unmeetable !== undefined)
    return { notes: [], problems: [`${minFreeName}: The ${unmeetable}: nothing can be stored`] };
  const otherwise = "stored files are removed, and new ones are served without being stored";
  const minInodes = minFreeInodes(totalInodes);
  return {
    notes: [
      ...(freeBytes < minFree
        ? [
            `The disk of ${folder} has ${formatMib(freeBytes)} free, but storage.min_free is ${formatSize(minFree)}: ${otherwise}`,
          ]
        : []),
      ...(freeInodes < minInodes
        ? [
            `The disk of ${folder} has ${plural(freeInodes, "inode")} free, but ${minInodes} are kept free: ${otherwise}`,
          ]
        : []),
    ],
    problems: [],
  };
}

function inspectRepository({ location }: Repository): PackageCount & { readonly problems: readonly string[] } {
  const counted = countPackages(location, COUNT_MS);
  // That it is none is a problem of its own.
  if (noRepositoryReason(location) !== undefined) return { ...counted, problems: [] };
  const [first, ...more] = counted.unreadable;
  if (!first) return { ...counted, problems: [] };
  const others = more.length === 0 ? "" : ` (and ${more.length} other paths of the repository)`;
  return { ...counted, problems: [`Cannot read ${first.path}: ${first.reason}${others}`] };
}

function inspectRepositories({ config, nameOf }: LoadedConfig): Findings & Pick<Report, "repositories"> {
  // Those of the system are in no setting.
  const name = config.repo.repos.length === 0 ? "" : `${nameOf("repo.repos")}: `;
  const found = discoverConfigured(config);
  const counted = found.repositories.map((one) => ({ ...one, ...inspectRepository(one) }));
  const repeated = (values: readonly string[]) => [...new Set(values.filter((one, i) => values.indexOf(one) < i))];
  const isNone = found.repositories.length + found.pending.length === 0;
  const isEmpty = !isNone && found.pending.length === 0 && counted.every(({ packages }) => packages === 0);
  return {
    repositories: counted.map(({ name, location, packages }) => ({ name, location, packages })),
    notes: [
      ...[...new Set(found.pending)].map(
        (url) => `The repository ${maskCredentials(url)} will be cloned when the server runs`,
      ),
      ...repeated(config.repo.repos.map((repo) => repo.replace(/(?:\.git)?\/*$/, ""))).map(
        (repo) => `repo.repos has ${maskCredentials(repo)} more than once`,
      ),
      ...repeated(found.repositories.map(({ name }) => name)).map(
        (name) => `Several repositories have the name ${name}: as a master the first of them counts`,
      ),
      ...counted
        .filter(({ complete }) => !complete)
        .map(({ location }) => `The disk is slow: not all packages of ${location} were counted`),
    ],
    problems: [
      ...[...found.problems, ...found.warnings].map(maskCredentials),
      ...counted.flatMap(({ problems }) => problems),
      ...(isNone ? [`No ebuild repository, so nothing is verified: ${REPOS_HINT}`] : []),
      ...(isEmpty ? [`The ebuild repositories have no packages, so nothing is verified: ${REPOS_HINT}`] : []),
    ].map((problem) => `${name}${problem}`),
  };
}

const EVERYONE = 0o004;

/** Names files with secrets that every user of the machine may read. */
function secretNotes({ file, config: { server }, origins }: LoadedConfig): readonly string[] {
  const isOpen = (path: string) => ((statSync(path, { throwIfNoEntry: false })?.mode ?? 0) & EVERYONE) !== 0;
  const hasToken = file !== undefined && server.admin_token !== "" && origins.server.admin_token === "file";
  return [
    ...(hasToken && isOpen(file)
      ? [`Every user may read ${file}, which has server.admin_token (chmod o-r ${file})`]
      : []),
    ...(server.tls_key !== "" && fileProblem("", server.tls_key).length === 0 && isOpen(server.tls_key)
      ? [`Every user may read server.tls_key ${server.tls_key} (chmod o-r ${server.tls_key})`]
      : []),
  ];
}

/** @param path PATH of the environment */
async function inspect(loaded: LoadedConfig, path: string | undefined): Promise<Report> {
  const { storage, fetcher } = loaded.config;
  const store = inspectStore(loaded);
  const holder = storeHolder(storage.location);
  const repositories = inspectRepositories(loaded);
  const { sandbox, notes: sandboxNotes } = await inspectSandbox(loaded);
  return {
    settings: allSettings().map((setting) => describeSetting(setting, loaded)),
    file: loaded.file,
    store: { location: storage.location, writable: store.writable },
    obstacle: startObstacle(loaded),
    holder,
    repositories: repositories.repositories,
    sandbox,
    notes: [...loaded.notes, ...secretNotes(loaded), ...store.notes, ...sandboxNotes, ...repositories.notes],
    problems: [
      ...loaded.doubts,
      ...machineDoubts(loaded, path, Date.now()),
      ...store.problems,
      ...tlsFileProblems(loaded),
      // That the server which holds the store also has its port is no problem.
      ...(holder === undefined ? listenProblems(loaded) : []),
      ...(fetcher.mirrors.length > 0
        ? []
        : [`${loaded.nameOf("fetcher.mirrors")}: expected at least one mirror, got an empty list`]),
      ...repositories.problems,
    ],
  };
}

/** The report as --json prints it. */
function toJson({ settings, file, obstacle, holder, ...rest }: Report): unknown {
  const config: Record<string, Record<string, unknown>> = {};
  for (const { path, value, origin } of settings) {
    const [section = "", name = ""] = path.split(".");
    config[section] = { ...config[section], [name]: { value, origin } };
  }
  return { config, file: file ?? null, obstacle: obstacle ?? null, holder: holder ?? null, ...rest };
}

/**
 * @param path PATH of the environment
 * @returns the exit code: 1 if there are problems
 */
export async function check(
  loaded: LoadedConfig,
  path: string | undefined,
  json: boolean,
  output: Output,
): Promise<number> {
  const report = await inspect(loaded, path);
  output.out(json ? JSON.stringify(toJson(report), null, 2) : render(report, output.paint));
  return report.problems.length > 0 ? 1 : 0;
}
