/**
 * Loads the configuration: defaults, overridden by the file, by the environment, and by flags, in this order.
 */
import { existsSync, readFileSync } from "node:fs";
import * as v from "valibot";
import { reasonOf } from "../lib/error-reason.ts";
import { ConfigError, describeGiven } from "./config-error.ts";
import type { Environment } from "./environment.ts";
import { canWrite, userLocation } from "./location.ts";
import { nearestKey } from "./nearest.ts";
import { allSettings, type Config, pathOf, SCHEMA, type Setting, variableOf } from "./schema.ts";
import { readToml } from "./toml.ts";

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
}

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

function settingAt(section: string, name: string): Setting | undefined {
  return SETTINGS.find((setting) => setting.section === section && setting.name === name);
}

function settingOr(section: string, name: string, where: string, unknown: string): Setting {
  const setting = settingAt(section, name);
  if (setting) return setting;
  throw new ConfigError(`${where}: unknown ${unknown}, did you mean ${nearestKey(section, name)}?`);
}

function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    throw new ConfigError(`Cannot read the configuration file ${file}: ${reasonOf(cause)}`, { cause });
  }
}

function fromFile(file: string): Given[] {
  return readToml(file, readText(file)).map(({ section, name, given, where }) => ({
    setting: settingOr(section, name, where, `key ${name} in [${section}]`),
    given,
    origin: "file",
    where,
  }));
}

/** Ignores variables that belong to no section, such as PORTCACHE_OPTS of a conf.d file. */
function fromEnvironment(env: Environment): Given[] {
  return Object.entries(env).flatMap(([variable, text]): Given[] => {
    const section = Object.keys(SCHEMA).find((name) => variable.startsWith(`PORTCACHE_${name.toUpperCase()}_`));
    if (section === undefined || text === undefined) return [];
    const setting = SETTINGS.find((candidate) => variableOf(candidate) === variable);
    if (setting) return [{ setting, given: setting.key.kind.fromText(text), origin: "environment", where: variable }];
    const [nearSection = "", name = ""] = nearestKey(
      section,
      variable.slice(`PORTCACHE_${section}_`.length).toLowerCase(),
    ).split(".");
    const meant = `PORTCACHE_${nearSection}_${name}`.toUpperCase();
    throw new ConfigError(`${variable}: unknown environment variable, did you mean ${meant}?`);
  });
}

function fromFlags(overrides: readonly Override[]): Given[] {
  return overrides.map(({ path, given, flag }) => {
    const dot = path.indexOf(".");
    const [section, name] = dot < 0 ? ["", path] : [path.slice(0, dot), path.slice(dot + 1)];
    const setting = settingOr(section, name, flag, `key ${path}`);
    const value = typeof given === "string" ? setting.key.kind.fromText(given) : given;
    return { setting, given: value, origin: "flag", where: flag };
  });
}

/** @throws {ConfigError} when the value is not valid */
function validate({ setting, given, origin, where }: Given): unknown {
  const { kind, preset, secret } = setting.key;
  const result = v.safeParse(kind.schema, given);
  if (result.success) return result.output;
  const item = result.issues[0].path?.at(-1)?.value;
  const got = `${item === undefined ? "" : "the item "}${secret ? "another value (not shown)" : describeGiven(item ?? given)}`;
  const spelling = Array.isArray(preset) && origin !== "file" ? " (separated by blanks)" : "";
  throw new ConfigError(`${where}: ${pathOf(setting)}: expected ${kind.expected}${spelling}, got ${got}`);
}

function checkTls({ server }: Config, whereOf: ReadonlyMap<string, string>): void {
  if ((server.tls_cert === "") === (server.tls_key === "")) return;
  const [given, missing] =
    server.tls_key === "" ? (["tls_cert", "tls_key"] as const) : (["tls_key", "tls_cert"] as const);
  throw new ConfigError(
    `${whereOf.get(`server.${given}`)}: server.${given}: expected server.${missing} as well, got only ${describeGiven(server[given])}`,
  );
}

/** Moves the default store to a directory that this user can write, unless a location was chosen. */
function chooseLocation(config: Config, origins: Origins, env: Environment): { config: Config; notes: string[] } {
  const { location } = config.storage;
  if (origins.storage.location !== "default" || canWrite(location)) return { config, notes: [] };
  const own = userLocation(env);
  return {
    config: { ...config, storage: { ...config.storage, location: own } },
    notes: [`${location} is not writable: using ${own} as the store (set storage.location to choose another)`],
  };
}

/** @throws {ConfigError} when a file, variable or flag is not valid */
export function loadConfig({ env, file, defaultFile = DEFAULT_FILE, overrides = [] }: LoadOptions): LoadedConfig {
  const found = file ?? (existsSync(defaultFile) ? defaultFile : undefined);
  const config: Record<string, Record<string, unknown>> = {};
  const origins: Record<string, Record<string, Origin>> = {};
  const whereOf = new Map<string, string>();
  const presets: Given[] = SETTINGS.map((setting) => ({
    setting,
    given: setting.key.preset,
    origin: "default",
    where: "default",
  }));
  const files = found === undefined ? [] : fromFile(found);
  for (const one of [...presets, ...files, ...fromEnvironment(env), ...fromFlags(overrides)]) {
    const { section, name } = one.setting;
    const value = validate(one);
    config[section] = { ...config[section], [name]: value };
    origins[section] = { ...origins[section], [name]: one.origin };
    whereOf.set(pathOf(one.setting), one.where);
  }
  // Every key has passed its own schema above.
  const complete = { config: config as Config, origins: origins as Origins };
  checkTls(complete.config, whereOf);
  return {
    ...chooseLocation(complete.config, complete.origins, env),
    origins: complete.origins,
    ...(found === undefined ? {} : { file: found }),
  };
}
