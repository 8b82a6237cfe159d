/**
 * Where log records go: standard error, one line each, as text for people or JSON for programs.
 * LogTape carries the levels; rooms are handed a Logger and never configure anything.
 */
import { configureSync, getLogger, type Logger, type LogRecord } from "@logtape/logtape";
import { reasonWithPath } from "./error-reason.ts";
import { createLineWriter, type LineWriter, type WriteBytes } from "./line-writer.ts";
import { visible } from "./text.ts";

export type { Logger };

export type LogLevel = "debug" | "info" | "warn" | "error";
export type LogFormat = "text" | "json";

/** As LogTape abbreviates them. */
const SHORT = { trace: "TRC", debug: "DBG", info: "INF", warning: "WRN", error: "ERR", fatal: "FTL" } as const;

const LEVELS = { debug: "debug", info: "info", warn: "warning", error: "error" } as const;

const MOST_TEMPLATES = 1000;

/** Names and URLs stand as they are, errors as the reason that they give. */
function plain(value: unknown): string {
  return value instanceof Error ? reasonWithPath(value) : String(value);
}

/** Text and names of values in turn, text first; "complex" where more than `{name}` stands in it. */
function compileTemplate(template: string): readonly string[] | "complex" {
  const parts = template.split(/\{(\w+)\}/);
  return parts.some((part, i) => i % 2 === 0 && /[{}]/.test(part)) ? "complex" : parts;
}

/**
 * Text of records. LogTape's own formatter takes four times as long (measured), and there is a line for every request: most
 * of its time goes into reading the template anew for each line.
 */
function createTexts(): (record: LogRecord) => string {
  /** There are as many as places that log, but nobody has to keep to that. */
  const templates = new Map<string, readonly string[] | "complex">();

  function partsOf({ rawMessage }: LogRecord): readonly string[] | "complex" {
    if (typeof rawMessage !== "string") return "complex";
    const known = templates.get(rawMessage);
    if (known) return known;
    const parts = compileTemplate(rawMessage);
    if (templates.size < MOST_TEMPLATES) templates.set(rawMessage, parts);
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

/** Where the error of an error record was thrown, a line a frame: for programmers, at debug level alone. */
function stackOf({ level, properties }: LogRecord): readonly string[] {
  if (level !== "error" && level !== "fatal") return [];
  const error = Object.values(properties).find((value) => value instanceof Error);
  return (error?.stack ?? "").split("\n").filter((line) => /^\s+at /.test(line));
}

/** RFC 3339; the part that stays for a second is made once. */
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

/** For people: one line, in which nothing speaks to the terminal, whatever a file or an upstream is called. */
function createTextFormatter(instant: (ms: number) => string, stacks: boolean): (record: LogRecord) => string {
  const textOf = createTexts();
  return (record) => {
    const stack = stacks ? stackOf(record).map((line) => `    ${visible(line.trim())}\n`) : [];
    return `${instant(record.timestamp)} ${SHORT[record.level]} ${visible(textOf(record))}\n${stack.join("")}`;
  };
}

function jsonLine(ms: number, level: string, message: string, properties: Readonly<Record<string, unknown>>): string {
  const told: Record<string, unknown> = { time: new Date(ms).toISOString(), level, message };
  for (const [name, value] of Object.entries(properties))
    told[name] ??= value instanceof Error ? reasonWithPath(value) : value;
  // What JSON leaves as it is may still speak to a terminal.
  return `${visible(JSON.stringify(told), "\\u")}\n`;
}

/** For programs: one object a line, with the text as people see it and each of its values under its own name. */
function createJsonFormatter(stacks: boolean): (record: LogRecord) => string {
  const textOf = createTexts();
  return (record) => {
    const stack = stacks ? stackOf(record) : [];
    const properties = stack.length === 0 ? record.properties : { ...record.properties, stack };
    return jsonLine(record.timestamp, record.level, textOf(record), properties);
  };
}

/** What openLog() has set up last, for lines that are too many for LogTape. */
interface Lane {
  readonly lines: LineWriter;
  readonly format: LogFormat;
  readonly enabled: boolean;
  readonly instant: (ms: number) => string;
}

/** The process's own, as LogTape's configuration is. */
let lane: Lane | undefined;

/**
 * Writes a line as Logger.info() does, at a fraction of its cost (measured): for the line of every request.
 * @param properties for programs
 */
export function infoLine(text: string, properties: Readonly<Record<string, unknown>>): void {
  if (!lane?.enabled) return;
  const { lines, format, instant } = lane;
  const now = Date.now();
  lines.write(format === "text" ? `${instant(now)} INF ${visible(text)}\n` : jsonLine(now, "info", text, properties));
}

/** Sets up the process's one log; call again with another level to change it. */
export async function openLog(level: LogLevel, format: LogFormat, write?: WriteBytes): Promise<Logger> {
  const lines = createLineWriter(2, write);
  const instant = createInstant();
  const stacks = level === "debug";
  const formatter = format === "json" ? createJsonFormatter(stacks) : createTextFormatter(instant, stacks);
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
  lane = { lines, format, instant, enabled: level === "debug" || level === "info" };
  return getLogger(["portcache"]);
}
