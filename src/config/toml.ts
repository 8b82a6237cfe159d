/**
 * Reads the configuration file into a list of settings with their line numbers (pure). Messages about a key that is spelt in an
 * unusual way of TOML have no line number.
 */
import { parse, TomlError } from "smol-toml";
import { withoutTrailing } from "../lib/text.ts";
import { maskCredentials } from "../lib/url.ts";
import { describeGiven } from "./config-error.ts";
import { keyHint, sectionHint } from "./nearest.ts";
import { allSettings, SCHEMA } from "./schema.ts";

export interface FileSetting {
  readonly section: string;
  readonly name: string;
  readonly given: unknown;
  /** FILE:LINE */
  readonly where: string;
}

function unquote(text: string): string {
  return text.trim().replace(/^(["'])(.*)\1$/, "$2");
}

/**
 * Reads the text once. Returns a function that finds the line, from 1, on which `[section] name` is set, also as `section.name = …`
 * or inside `section = { … }`; otherwise the line of the section.
 */
export function createLineFinder(text: string): (section: string, name?: string) => number | undefined {
  const lines = new Map<string, number>();
  const assignedLines = new Map<string, number>();
  const addFirst = (to: Map<string, number>, path: string, line: number) => {
    if (!to.has(path)) to.set(path, line);
  };
  let current = "";
  for (const [index, line] of text.split("\n").entries()) {
    const header = /^\s*\[([^[\]]+)\]\s*(?:#.*)?$/.exec(line);
    if (header) current = unquote(header[1] ?? "");
    const assigned = /^\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*=/.exec(line);
    const keyPath = assigned?.[1]?.split(".").map(unquote) ?? [];
    const full = [current, ...keyPath].filter((part) => part !== "").join(".");
    if (assigned) addFirst(assignedLines, full, index + 1);
    if (header || assigned) addFirst(lines, full, index + 1);
  }
  return (section, name) => {
    const own = name === undefined ? undefined : assignedLines.get(`${section}.${name}`);
    return own ?? lines.get(section);
  };
}

/** Longer lines are of no use below a message. */
const SHOWN_COLUMNS = 120;

/** Returns the lines around the error with a mark below its place, as the parser shows them; secrets do not leave the file. */
function shownLines({ codeblock }: TomlError): readonly string[] {
  const lines = withoutTrailing(codeblock, "\n").split("\n");
  if (lines.some((line) => line.length > SHOWN_COLUMNS)) return [];
  const secrets = allSettings().filter(({ key }) => key.secret);
  return lines.map((line) => {
    const isSecret = secrets.some(({ name }) => line.includes(name));
    return maskCredentials(isSecret ? line.replace(/=.*/, (value) => "*".repeat(value.length)) : line);
  });
}

function parseText(file: string, text: string, problems: string[]): Record<string, unknown> {
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const [reason = ""] = error.message.replace(/^Invalid TOML document: /, "").split("\n", 1);
    problems.push([`${file}:${error.line}: not valid TOML: ${reason}`, ...shownLines(error)].join("\n"));
    return {};
  }
}

function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

/** Writes `"192.168.1.5" = "builder"` as `192.168.1.5=builder`, as it is in variables and flags. */
function clientNamesIn(keys: Readonly<Record<string, unknown>>): readonly unknown[] {
  return Object.entries(keys).flatMap(([key, value]) =>
    key === "names" && Array.isArray(value) ? value : [`${key}=${String(value)}`],
  );
}

/** @param problems gets a sentence for text that is not valid TOML, and for each unknown section */
export function readToml(file: string, text: string, problems: string[]): readonly FileSetting[] {
  const plain = text.replace(/^\ufeff/, "");
  const findLine = createLineFinder(plain);
  return Object.entries(parseText(file, plain, problems)).flatMap(([section, keys]) => {
    const where = (name?: string) => {
      const line = findLine(section, name);
      return line === undefined ? file : `${file}:${line}`;
    };
    if (!Object.hasOwn(SCHEMA, section)) {
      problems.push(
        isTable(keys)
          ? `${where()}: unknown section [${section}]${sectionHint(section)}`
          : `${where()}: unknown key ${section} outside of a section${keyHint("", section)}`,
      );
      return [];
    }
    if (!isTable(keys)) {
      problems.push(`${where()}: expected a section [${section}], got ${section} = ${describeGiven(keys)}`);
      return [];
    }
    // Its keys are addresses.
    if (section === "clients" && Object.keys(keys).length === 0) return [];
    if (section === "clients") return [{ section, name: "names", given: clientNamesIn(keys), where: where() }];
    return Object.entries(keys).map(([name, given]) => ({ section, name, given, where: where(name) }));
  });
}
