/**
 * The configuration in force: defaults, beaten by the file, beaten by the environment, beaten by flags.
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
  /** What people should know about how it came about. */
  readonly notes: readonly string[];
}

export interface LoadOptions {
  readonly env: Environment;
  /** Must exist; where it is left out the default file is read if it exists. */
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

/** Variables that belong to no section (PORTCACHE_OPTS of a conf.d file) are others' business. */
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

/** @throws {ConfigError} where the value is not one of those allowed */
function validate({ setting, given, origin, where }: Given): unknown {
  const { kind, preset, secret } = setting.key;
  const result = v.safeParse(kind.schema, given);
  if (result.success) return result.output;
  const item = result.issues[0].path?.at(-1)?.value;
  const shown = secret ? "something else (not shown)" : describeGiven(item ?? given);
  const verb = item === undefined ? "is" : "holds";
  const spelling = Array.isArray(preset) && origin !== "file" ? " (separated by blanks)" : "";
  throw new ConfigError(`${where}: ${pathOf(setting)} ${verb} ${shown}, allowed is ${kind.allowed}${spelling}`);
}

function checkTls({ server }: Config, whereOf: ReadonlyMap<string, string>): void {
  if ((server.tls_cert === "") === (server.tls_key === "")) return;
  const [given, missing] =
    server.tls_key === "" ? (["tls_cert", "tls_key"] as const) : (["tls_key", "tls_cert"] as const);
  throw new ConfigError(
    `${whereOf.get(`server.${given}`)}: server.${given} is ${describeGiven(server[given])} and server.${missing} is not given, allowed is both or neither`,
  );
}

/** Puts the default store where this user can write, where nobody chose it. */
function settleLocation(config: Config, origins: Origins, env: Environment): { config: Config; notes: string[] } {
  const { location } = config.storage;
  if (origins.storage.location !== "default" || canWrite(location)) return { config, notes: [] };
  const own = userLocation(env);
  return {
    config: { ...config, storage: { ...config.storage, location: own } },
    notes: [`${location} cannot be written: the store is ${own} (storage.location chooses another)`],
  };
}

/** @throws {ConfigError} where a file, variable or flag can't be used */
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
  // Every key has gone through its own schema above.
  const complete = { config: config as Config, origins: origins as Origins };
  checkTls(complete.config, whereOf);
  return {
    ...settleLocation(complete.config, complete.origins, env),
    origins: complete.origins,
    ...(found === undefined ? {} : { file: found }),
  };
}
