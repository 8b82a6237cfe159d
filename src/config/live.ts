/**
 * Holds the configuration that a reload replaces: an object whose values change in place. Code that reads a value when it needs it
 * follows a reload; settings that need a restart keep their value.
 */
import { allSettings, type Config, pathOf, type Setting } from "./schema.ts";

/** A setting whose value has changed. */
export interface SettingChange {
  /** SECTION.KEY */
  readonly path: string;
  /** As people write it; a secret is not shown. */
  readonly before: string;
  readonly after: string;
  /** Whether it takes effect only after a restart. */
  readonly restart: boolean;
}

export interface LiveConfig {
  readonly config: Config;
  /** Replaces all values but those that need a restart. @returns what has changed, in the order of the reference */
  replace(next: Config): readonly SettingChange[];
}

type Values = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

function given(config: Values, { section, name }: Setting): unknown {
  return config[section]?.[name];
}

function shown({ key }: Setting, value: unknown): string {
  if (key.secret) return value === "" ? "empty" : "set (not shown)";
  return key.kind.format(value) || '""';
}

function isSame(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

export function createLiveConfig(initial: Config): LiveConfig {
  const settings = allSettings();
  const current: Record<string, Record<string, unknown>> = {};
  const visible: Record<string, object> = {};
  for (const setting of settings) {
    const { section, name } = setting;
    const values = current[section] ?? {};
    current[section] = values;
    values[name] = given(initial, setting);
    const shownValues = visible[section] ?? {};
    visible[section] = Object.defineProperty(shownValues, name, { get: () => values[name], enumerable: true });
  }
  return {
    // Every section and key of the schema has a getter.
    config: visible as Config,
    replace(next) {
      return settings.flatMap((setting): readonly SettingChange[] => {
        const values = current[setting.section];
        const [was, is] = [values?.[setting.name], given(next, setting)];
        if (!values || isSame(was, is)) return [];
        const restart = setting.key.restart ?? false;
        if (!restart) values[setting.name] = is;
        return [{ path: pathOf(setting), before: shown(setting, was), after: shown(setting, is), restart }];
      });
    },
  };
}
