/**
 * Writes log records to standard error, one line each, as text for people or JSON for programs. LogTape filters by level; rooms
 * take a Logger as a parameter and never configure anything.
 */
import { configureSync, getLogger, type Logger, type LogRecord } from "@logtape/logtape";
import { reasonWithPath } from "./error-reason.ts";
import { createLineWriter, type LineWriter, type WriteBytes } from "./line-writer.ts";
import { cut, visible } from "./text.ts";

export type { Logger };

export type LogLevel = "debug" | "info" | "warn" | "error";
export type LogFormat = "text" | "json";

/** LogTape's own abbreviations. */
const SHORT = { trace: "TRC", debug: "DBG", info: "INF", warning: "WRN", error: "ERR", fatal: "FTL" } as const;

const LEVELS = { debug: "debug", info: "info", warn: "warning", error: "error" } as const;

const MAX_TEMPLATES = 1000;
/** A longer line, or text of a line's values, is cut: its writer cuts each part much earlier. */
export const MAX_LOGGED = 8 * 1024;

/** Shows names and URLs unquoted, errors by their reason. */
function plain(value: unknown): string {
  return value instanceof Error ? reasonWithPath(value) : String(value);
}

/** Returns text and names of values in turn, text first; "complex" where the template has more than `{name}` in it. */
function compileTemplate(template: string): readonly string[] | "complex" {
  const parts = template.split(/\{(\w+)\}/);
  return parts.some((part, i) => i % 2 === 0 && /[{}]/.test(part)) ? "complex" : parts;
}

/**
 * Formats records. LogTape's own formatter takes four times as long (measured), mostly to parse the template again for each
 * line, and every request writes a line.
 */
function createTexts(): (record: LogRecord) => string {
  /** As many as there are log statements, but bounded in case a template is made at run time. */
  const templates = new Map<string, readonly string[] | "complex">();

  function partsOf({ rawMessage }: LogRecord): readonly string[] | "complex" {
    if (typeof rawMessage !== "string") return "complex";
    const known = templates.get(rawMessage);
    if (known) return known;
    const parts = compileTemplate(rawMessage);
    if (templates.size < MAX_TEMPLATES) templates.set(rawMessage, parts);
    return parts;
  }

  function textOf(properties: LogRecord["properties"], parts: readonly string[]): string {
    let text = "";
    for (let i = 0; i < parts.length; i++) text += i % 2 === 0 ? parts[i] : plain(properties[parts[i] ?? ""]);
    return text;
  }

  return (record) => {
    const parts = partsOf(record);
    return parts === "complex"
      ? record.message.map((part, i) => (i % 2 === 0 ? part : plain(part))).join("")
      : textOf(record.properties, parts);
  };
}

/** Returns where the error of an error record was thrown, a line a frame: for programmers, at debug level alone. */
function stackOf({ level, properties }: LogRecord): readonly string[] {
  if (level !== "error" && level !== "fatal") return [];
  const error = Object.values(properties).find((value) => value instanceof Error);
  return (error?.stack ?? "").split("\n").filter((line) => /^\s+at /.test(line));
}

/** Formats instants by RFC 3339; the part that stays the same for a second is made once. */
function createInstant(): (ms: number) => string {
  let second = Number.NaN;
  let prefix = "";
  return (ms) => {
    const fraction = ms % 1000;
    if (ms - fraction !== second) {
      second = ms - fraction;
      prefix = new Date(second).toISOString().slice(0, -4);
    }
    return `${prefix}${String(fraction).padStart(3, "0")}Z`;
  };
}

/** What a line begins with. */
type Prefix = (ms: number, level: LogRecord["level"]) => string;

/** Of syslog(3), as the journal reads them (sd-daemon(3)). */
const PRIORITIES = { trace: "<7>", debug: "<7>", info: "<6>", warning: "<4>", error: "<3>", fatal: "<2>" } as const;

function createPrefix(toJournal: boolean, format: LogFormat): Prefix {
  if (toJournal) return (_, level) => PRIORITIES[level];
  // JSON has the time inside.
  if (format === "json") return () => "";
  const instant = createInstant();
  return (ms) => `${instant(ms)} `;
}

/** Formats for people. No name of a file or host can send control characters to the terminal. */
function createTextFormatter(prefix: Prefix, stacks: boolean): (record: LogRecord) => string {
  const textOf = createTexts();
  return (record) => {
    const stack = stacks ? stackOf(record).map((line) => `    ${visible(line.trim())}\n`) : [];
    const before = prefix(record.timestamp, record.level);
    return `${before}${SHORT[record.level]} ${visible(cut(textOf(record), MAX_LOGGED))}\n${stack.join("")}`;
  };
}

function loggedValue(value: unknown): unknown {
  const shown = value instanceof Error ? reasonWithPath(value) : value;
  return typeof shown === "string" ? cut(shown, MAX_LOGGED) : shown;
}

function jsonLine(ms: number, level: string, message: string, properties: Readonly<Record<string, unknown>>): string {
  const line: Record<string, unknown> = { time: new Date(ms).toISOString(), level, message: cut(message, MAX_LOGGED) };
  for (const [name, value] of Object.entries(properties)) line[name] ??= loggedValue(value);
  // JSON does not escape all characters that a terminal acts on.
  return `${visible(JSON.stringify(line), "\\u")}\n`;
}

/** Formats for programs: one object a line, with the text for people and each of its values under its own name. */
function createJsonFormatter(prefix: Prefix, stacks: boolean): (record: LogRecord) => string {
  const textOf = createTexts();
  return (record) => {
    const stack = stacks ? stackOf(record) : [];
    const properties = stack.length === 0 ? record.properties : { ...record.properties, stack };
    const before = prefix(record.timestamp, record.level);
    return before + jsonLine(record.timestamp, record.level, textOf(record), properties);
  };
}

/** The output that openLog() has set up, for lines that are too many for LogTape. */
interface LogOutput {
  readonly lines: LineWriter;
  readonly format: LogFormat;
  readonly enabled: boolean;
  readonly prefix: Prefix;
  readonly toJournal: boolean;
}

/** One for the process, as is LogTape's configuration. */
let output: LogOutput | undefined;

/**
 * Writes a line as Logger.info() does, at a fraction of its cost (measured): for the line of each request.
 * @param properties for programs
 */
export function infoLine(text: string, properties: Readonly<Record<string, unknown>>): void {
  if (!output?.enabled) return;
  const { lines, format, prefix } = output;
  const now = Date.now();
  lines.write(
    format === "text"
      ? `${prefix(now, "info")}INF ${visible(cut(text, MAX_LOGGED))}\n`
      : prefix(now, "info") + jsonLine(now, "info", text, properties),
  );
}

export interface LogDestination {
  readonly write?: WriteBytes;
  /** Whether standard error leads into systemd's journal: lines begin with their priority, and text has no time. */
  readonly toJournal?: boolean;
}

/** Sets up the process's one log; call again with another level to change it, which leaves the destination as it is. */
export async function openLog(
  level: LogLevel,
  format: LogFormat,
  { write, toJournal = output?.toJournal ?? false }: LogDestination = {},
): Promise<Logger> {
  const lines = createLineWriter(2, write);
  const prefix = createPrefix(toJournal, format);
  const stacks = level === "debug";
  const formatter = format === "json" ? createJsonFormatter(prefix, stacks) : createTextFormatter(prefix, stacks);
  // LogTape disposes of its sinks when they are replaced and when the process ends.
  const stderr = Object.assign((record: LogRecord) => lines.write(formatter(record)), {
    [Symbol.dispose]: () => lines.flush(),
  });
  configureSync({
    reset: true,
    sinks: { stderr },
    loggers: [
      { category: ["portcache"], lowestLevel: LEVELS[level], sinks: ["stderr"] },
      { category: ["logtape", "meta"], lowestLevel: "error", sinks: ["stderr"] },
    ],
  });
  output = { lines, format, prefix, toJournal, enabled: level === "debug" || level === "info" };
  return getLogger(["portcache"]);
}
