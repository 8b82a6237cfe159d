/**
 * The configuration file that an installation begins with: every key with its default, commented out, made from the schema
 * (pure).
 */
import { allSettings, SCHEMA, type Setting, variableOf } from "./schema.ts";

const WIDTH = 100;

const HEAD =
  "The configuration of portcache. Each key stands here with its default, commented out: take away the `#` of those that you change. `portcache check` shows what is in force, SIGHUP (rc-service portcache reload) brings changes into force but for those that take a restart. portcache.toml(5) tells the same and more.";

function comment(text: string): string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= WIDTH) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(`# ${word}`);
  }
  return lines;
}

/** TOML takes JSON's texts, numbers, booleans and lists of texts as they are. */
function assignment({ name, key }: Setting): string {
  const { preset } = key;
  const value = Array.isArray(preset)
    ? `[${preset.map((item) => JSON.stringify(item)).join(", ")}]`
    : JSON.stringify(preset);
  return `${name} = ${value}`;
}

function lines(setting: Setting): string[] {
  const { key } = setting;
  const restart = key.restart ? " A change takes a restart." : "";
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
