/**
 * Loads the configuration: defaults, overridden by the file, by the environment, and by flags, in this order.
 */
import { closeSync, openSync, readSync } from "node:fs";
import * as v from "valibot";
import { reasonOf } from "../lib/error-reason.ts";
import { exists } from "../lib/exists.ts";
import { mirrorDoubts } from "./checks.ts";
import { ConfigError, describeGiven } from "./config-error.ts";
import type { Environment } from "./environment.ts";
import { canWrite, userLocation } from "./location.ts";
import { keyHint, nearestKey } from "./nearest.ts";
import { allSettings, type Config, pathOf, SCHEMA, type Setting, variableOf } from "./schema.ts";
import { readToml } from "./toml.ts";
import { formatSize } from "./units.ts";

export const DEFAULT_FILE = "/etc/portcache/portcache.toml";

export type Origin = "default" | "file" | "environment" | "flag";

/** Where each value came from, in the shape of the configuration. */
export type Origins = { readonly [S in keyof Config]: { readonly [K in keyof Config[S]]: Origin } };

/** A setting given on the command line. */
export interface Override {
  /** SECTION.KEY as given. */
  readonly path: string;
  /** A list where a flag was given several times. */
  readonly given: string | readonly string[];
  /** The flag, for messages. */
  readonly flag: string;
}

export interface LoadedConfig {
  readonly config: Config;
  /** The file that was read, if any. */
  readonly file?: string;
  readonly origins: Origins;
  /** Messages for people, such as that another location was chosen. */
  readonly notes: readonly string[];
  /** Valid values that cannot be meant, such as a store of 50 bytes: one sentence each. */
  readonly doubts: readonly string[];
  /** Returns SECTION.KEY with where it was given, such as FILE:LINE, to begin a sentence about it. */
  nameOf(path: string): string;
}

/** What names a setting in sentences about its value. */
export type NamedConfig = Pick<LoadedConfig, "config" | "nameOf">;

export interface LoadOptions {
  readonly env: Environment;
  /** Must exist. Without it the default file is read if it exists. */
  readonly file?: string | undefined;
  readonly defaultFile?: string;
  /** In the order given: later ones win. */
  readonly overrides?: readonly Override[];
}

interface Given {
  readonly setting: Setting;
  readonly given: unknown;
  readonly origin: Origin;
  /** FILE:LINE, variable or flag. */
  readonly where: string;
}

const SETTINGS = allSettings();
const DEFAULT_WHERE = "default";
const MAX_FILE_BYTES = 1024 * 1024;

/** Adds an unknown key to the problems. */
function findSetting(section: string, name: string, unknown: string, problems: string[]): Setting | undefined {
  const setting = SETTINGS.find((candidate) => candidate.section === section && candidate.name === name);
  if (!setting) problems.push(unknown + keyHint(section, name));
  return setting;
}

/** Reads what may be a pipe or a device, such as /dev/stdin, which may have no end. @throws {Error} */
function readAtMost(maxBytes: number, file: string): string {
  const descriptor = openSync(file, "r");
  try {
    const bytes = Buffer.alloc(maxBytes + 1);
    let length = 0;
    for (let read = -1; read !== 0 && length <= maxBytes; length += read) {
      read = readSync(descriptor, bytes, length, bytes.length - length, null);
    }
    if (length > maxBytes) throw new Error(`expected at most ${formatSize(maxBytes)}`);
    return bytes.toString("utf8", 0, length);
  } finally {
    closeSync(descriptor);
  }
}

function readText(file: string, problems: string[]): string {
  try {
    return readAtMost(MAX_FILE_BYTES, file);
  } catch (error) {
    problems.push(`Cannot read the configuration file ${file}: ${reasonOf(error)}`);
    return "";
  }
}

function fromFile(file: string, problems: string[]): Given[] {
  return readToml(file, readText(file, problems), problems).flatMap(({ section, name, given, where }): Given[] => {
    const setting = findSetting(section, name, `${where}: unknown key ${name} in [${section}]`, problems);
    return setting ? [{ setting, given, origin: "file", where }] : [];
  });
}

/** Ignores variables that belong to no section, such as PORTCACHE_OPTS of a conf.d file. */
function fromEnvironment(env: Environment, problems: string[]): Given[] {
  return Object.entries(env).flatMap(([variable, text]): Given[] => {
    const section = Object.keys(SCHEMA).find((name) => variable.startsWith(`PORTCACHE_${name.toUpperCase()}_`));
    if (section === undefined || text === undefined) return [];
    const setting = SETTINGS.find((candidate) => variableOf(candidate) === variable);
    if (setting) return [{ setting, given: setting.key.kind.fromText(text), origin: "environment", where: variable }];
    const name = variable.slice(`PORTCACHE_${section}_`.length).toLowerCase();
    const meant = nearestKey(section, name)?.replace(".", "_").toUpperCase();
    const all = SETTINGS.filter((candidate) => candidate.section === section).map(variableOf);
    const hint = meant === undefined ? `: expected one of ${all.join(", ")}` : `, did you mean PORTCACHE_${meant}?`;
    problems.push(`${variable}: unknown environment variable${hint}`);
    return [];
  });
}

function fromFlags(overrides: readonly Override[], problems: string[]): Given[] {
  return overrides.flatMap(({ path, given, flag }): Given[] => {
    const dot = path.indexOf(".");
    const [section, name] = dot < 0 ? ["", path] : [path.slice(0, dot), path.slice(dot + 1)];
    const setting = findSetting(section, name, `${flag}: unknown key ${path}`, problems);
    if (!setting) return [];
    const value = typeof given === "string" ? setting.key.kind.fromText(given) : given;
    return [{ setting, given: value, origin: "flag", where: flag }];
  });
}

/** Returns where the setting was given, with its path unless that names it: `--set SECTION.KEY` does. */
function originOf(path: string, where: string | undefined): string {
  return where?.endsWith(` ${path}`) ? where : `${where}: ${path}`;
}

/** Returns the valid values that cannot be meant, one sentence each. */
function doubtsOf(config: Config, whereOf: ReadonlyMap<string, string>): readonly string[] {
  const values: Readonly<Record<string, Readonly<Record<string, unknown>>>> = config;
  return [
    ...SETTINGS.flatMap((setting) => {
      return doubt(setting, values[setting.section]?.[setting.name], whereOf.get(pathOf(setting))) ?? [];
    }),
    ...mirrorDoubts(config.fetcher.mirrors).map((sentence) => {
      return `${originOf("fetcher.mirrors", whereOf.get("fetcher.mirrors"))}: ${sentence}`;
    }),
  ];
}

/** Returns the value, or a problem for each item of a list that is not valid, else one for the whole. */
function validate({ setting, given, origin, where }: Given): { readonly value: unknown } | readonly string[] {
  const { kind, preset, secret } = setting.key;
  const result = v.safeParse(kind.schema, given);
  if (result.success) return { value: result.output };
  const spelling = Array.isArray(preset) && origin !== "file" ? " (separated by blanks)" : "";
  const items = new Set(result.issues.map(({ path }) => path?.at(-1)?.value));
  return [...items].map((item) => {
    const got = secret ? "another value (not shown)" : describeGiven(item ?? given);
    const which = item === undefined ? "" : "the item ";
    return `${originOf(pathOf(setting), where)}: expected ${kind.expected}${spelling}, got ${which}${got}`;
  });
}

/** Returns what is strange about the value that is in force; undefined if nothing. */
function doubt(setting: Setting, value: unknown, where: string | undefined): string | undefined {
  const { kind, least, most } = setting.key;
  const limitOf = (text: string) => v.parse(kind.schema, text);
  const isBelow = (a: unknown, b: unknown) => typeof a === "number" && typeof b === "number" && a < b;
  const tooSmall = least !== undefined && value !== 0 && isBelow(value, limitOf(least));
  const tooLarge = most !== undefined && isBelow(limitOf(most), value);
  if (!tooSmall && !tooLarge) return undefined;
  const expected = tooSmall ? `0, or at least ${least}` : `at most ${most}`;
  return `${originOf(pathOf(setting), where)}: expected ${expected}, got ${kind.format(value)}`;
}

/** Returns what is wrong with a certificate without a key, and with a key without a certificate. */
function tlsPairProblems({ server }: Config, whereOf: ReadonlyMap<string, string>): readonly string[] {
  if ((server.tls_cert === "") === (server.tls_key === "")) return [];
  const [given, missing] =
    server.tls_key === "" ? (["tls_cert", "tls_key"] as const) : (["tls_key", "tls_cert"] as const);
  const origin = originOf(`server.${given}`, whereOf.get(`server.${given}`));
  return [`${origin}: expected server.${missing} as well, got only ${describeGiven(server[given])}`];
}

/** Returns the file to read: only where the default one is not there, the built-in defaults are enough. */
function findFile({ file, defaultFile = DEFAULT_FILE }: LoadOptions, problems: string[]): string | undefined {
  if (file !== undefined) return file;
  try {
    return exists(defaultFile) ? defaultFile : undefined;
  } catch (error) {
    problems.push(`Cannot read the configuration file ${defaultFile}: ${reasonOf(error)}`);
    return undefined;
  }
}

/** Moves the default store to a folder that this user can write, unless a location was chosen. */
function chooseLocation(config: Config, origins: Origins, env: Environment): Pick<LoadedConfig, "config" | "notes"> {
  const { location } = config.storage;
  if (origins.storage.location !== "default" || canWrite(location)) return { config, notes: [] };
  const own = userLocation(env);
  return {
    config: { ...config, storage: { ...config.storage, location: own } },
    notes: [`${location} is not writable: using ${own} as the store (set storage.location to choose another)`],
  };
}

/** @throws {ConfigError} with all problems of the file, the variables and the flags, and then what cannot be meant */
export function loadConfig(options: LoadOptions): LoadedConfig {
  const { env, overrides = [] } = options;
  const problems: string[] = [];
  const found = findFile(options, problems);
  const config: Record<string, Record<string, unknown>> = {};
  const origins: Record<string, Record<string, Origin>> = {};
  const whereOf = new Map<string, string>();
  const presets: Given[] = SETTINGS.map((setting) => ({
    setting,
    given: setting.key.preset,
    origin: "default",
    where: DEFAULT_WHERE,
  }));
  const files = found === undefined ? [] : fromFile(found, problems);
  for (const one of [...presets, ...files, ...fromEnvironment(env, problems), ...fromFlags(overrides, problems)]) {
    const { section, name } = one.setting;
    const checked = validate(one);
    if ("value" in checked) config[section] = { ...config[section], [name]: checked.value };
    else problems.push(...checked);
    origins[section] = { ...origins[section], [name]: one.origin };
    whereOf.set(pathOf(one.setting), one.where);
  }
  // Every key has a default, and every value has passed its own schema.
  const complete = { config: config as Config, origins: origins as Origins };
  problems.push(...tlsPairProblems(complete.config, whereOf));
  const doubts = doubtsOf(complete.config, whereOf);
  if (problems.length > 0) throw new ConfigError([...problems, ...doubts]);
  return {
    ...chooseLocation(complete.config, complete.origins, env),
    origins: complete.origins,
    doubts,
    nameOf: (path) => (whereOf.get(path) === DEFAULT_WHERE ? path : originOf(path, whereOf.get(path))),
    ...(found === undefined ? {} : { file: found }),
  };
}
