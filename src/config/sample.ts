/**
 * Formats the configuration file of a new installation: every key with its default, commented out (pure).
 */
import { allSettings, SCHEMA, type Setting, variableOf } from "./schema.ts";

const WIDTH = 100;

const HEAD =
  "The configuration of portcache. Every key is listed with its default, commented out: remove the `#` of those that you change. `portcache check` shows the settings in effect. SIGHUP (rc-service portcache reload) applies changes, except to keys that need a restart. See portcache.toml(5) for details.";

function comment(text: string): string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= WIDTH) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(`# ${word}`);
  }
  return lines;
}

/** JSON strings, numbers, booleans and lists of strings are valid TOML. */
function assignment({ name, key }: Setting): string {
  const { preset } = key;
  const value = Array.isArray(preset)
    ? `[${preset.map((item) => JSON.stringify(item)).join(", ")}]`
    : JSON.stringify(preset);
  return `${name} = ${value}`;
}

function lines(setting: Setting): string[] {
  const { key } = setting;
  const restart = key.restart ? " A change needs a restart." : "";
  return [...comment(`${key.doc}${restart} (${variableOf(setting)})`), `#${assignment(setting)}`, ""];
}

export function formatSample(): string {
  const sections = Object.keys(SCHEMA).flatMap((section) => [
    `[${section}]`,
    "",
    ...allSettings()
      .filter((setting) => setting.section === section)
      .flatMap(lines),
  ]);
  return `${[...comment(HEAD), "", ...sections].join("\n").trimEnd()}\n`;
}
