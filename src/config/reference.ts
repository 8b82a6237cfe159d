/**
 * Formats the reference of all settings as Markdown from the schema, and puts it into docs/configuration.md (pure).
 */
import { allSettings, SCHEMA, type Setting, variableOf } from "./schema.ts";

const BEGIN = "<!-- config-reference:begin -->";
const END = "<!-- config-reference:end -->";

function cell(text: string): string {
  return text.replaceAll("|", "\\|");
}

function preset({ key }: Setting): string {
  return Array.isArray(key.preset)
    ? `[${key.preset.map((item) => JSON.stringify(item)).join(", ")}]`
    : JSON.stringify(key.preset);
}

function row(setting: Setting): string {
  const { name, key } = setting;
  const cells = [`\`${name}\``, key.kind.type, `\`${preset(setting)}\``, `\`${variableOf(setting)}\``, key.doc];
  return `| ${cells.map(cell).join(" | ")} |`;
}

/** Returns one table per section. */
export function formatReference(): string {
  return Object.keys(SCHEMA)
    .map((section) => {
      const rows = allSettings()
        .filter((setting) => setting.section === section)
        .map(row);
      const head = ["| Key | Type | Default | Environment variable | Meaning |", "|---|---|---|---|---|"];
      return [`### \`[${section}]\``, "", ...head, ...rows].join("\n");
    })
    .join("\n\n");
}

/** Inserts the reference between the two marks of the page; undefined where the page has no marks. */
export function placeReference(page: string, reference: string): string | undefined {
  const [begin, end] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (begin < 0 || end < begin) return undefined;
  return `${page.slice(0, begin + BEGIN.length)}\n\n${reference}\n\n${page.slice(end)}`;
}
