/**
 * Where log records go: standard error, one line each, as text for people or JSON for programs.
 * LogTape carries the levels; rooms are handed a Logger and never configure anything.
 */
import {
  configure,
  getConsoleSink,
  getJsonLinesFormatter,
  getLogger,
  getTextFormatter,
  type Logger,
} from "@logtape/logtape";

export type { Logger };

export type LogLevel = "debug" | "info" | "warn" | "error";
export type LogFormat = "text" | "json";

const LEVELS = { debug: "debug", info: "info", warn: "warning", error: "error" } as const;

/** Names and URLs stand as they are; errors by their message, a stack only helps at debug. */
function plain(value: unknown): string {
  return value instanceof Error ? value.message : String(value);
}

const textFormatter = getTextFormatter({
  timestamp: "rfc3339",
  value: plain,
  format: ({ timestamp, level, message }) => `${timestamp} ${level} ${message}`,
});

/** Sets up the process's one log; called again it changes level and form of the same. */
export async function openLog(level: LogLevel, format: LogFormat): Promise<Logger> {
  const formatter = format === "json" ? getJsonLinesFormatter() : textFormatter;
  const sink = getConsoleSink({
    formatter,
    levelMap: { trace: "error", debug: "error", info: "error", warning: "error", error: "error", fatal: "error" },
  });
  await configure({
    reset: true,
    sinks: { stderr: sink },
    loggers: [
      { category: ["portcache"], lowestLevel: LEVELS[level], sinks: ["stderr"] },
      { category: ["logtape", "meta"], lowestLevel: "error", sinks: ["stderr"] },
    ],
  });
  return getLogger(["portcache"]);
}
