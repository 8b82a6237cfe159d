/**
 * What commands print: text to standard output or error, columns for people, colours on a terminal only.
 */
import { styleText } from "node:util";
import type { Environment } from "../config/environment.ts";
import { reasonOf } from "../lib/error-reason.ts";

export interface Output {
  /** For what was asked for. A line feed is added. */
  out(text: string): void;
  /** For all else: notes, errors. A line feed is added. */
  err(text: string): void;
  /** The text in this style where standard output shows colours, else as it is. */
  paint(style: Style, text: string): string;
}

export type Style = "bold" | "dim" | "red" | "yellow" | "green";

/** https://no-color.org, and terminals that say they can't. */
export function wantsColour(env: Environment, isTerminal: boolean): boolean {
  return isTerminal && (env.NO_COLOR ?? "") === "" && env.TERM !== "dumb";
}

/** Whether the locale says that characters beyond ASCII can be shown (locale(7)). */
export function showsUnicode(env: Environment): boolean {
  const locale = [env["LC_ALL"], env["LC_CTYPE"], env["LANG"]].find((value) => (value ?? "") !== "") ?? "";
  return /utf-?8/i.test(locale);
}

/** As a shell reports a process that SIGPIPE ended. */
const EXIT_SIGPIPE = 141;

/** Ends the command, quietly where the reader has seen enough (`| head`). */
function endUnwritten(error: NodeJS.ErrnoException): never {
  if (error.code === "EPIPE") process.exit(EXIT_SIGPIPE);
  process.stderr.write(`portcache: cannot write output: ${reasonOf(error)}\n`);
  process.exit(1);
}

/** The process's own streams. */
export function createOutput(env: Environment): Output {
  process.stdout.on("error", endUnwritten);
  // Nowhere is left to say so.
  process.stderr.on("error", () => undefined);
  const colour = wantsColour(env, process.stdout.isTTY === true);
  return {
    out: (text) => void process.stdout.write(`${text}\n`),
    err: (text) => void process.stderr.write(`${text}\n`),
    paint: (style, text) => (colour ? styleText(style, text, { validateStream: false }) : text),
  };
}

const GAP = "  ";

/** Rows as lines with aligned columns, wide characters and colours counted as they are seen. */
export function alignColumns(rows: readonly (readonly string[])[]): readonly string[] {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [column, cell] of row.entries()) {
      widths[column] = Math.max(widths[column] ?? 0, Bun.stringWidth(cell));
    }
  }
  return rows.map((row) =>
    row
      .map((cell, column) => cell + " ".repeat((widths[column] ?? 0) - Bun.stringWidth(cell)))
      .join(GAP)
      .trimEnd(),
  );
}
