/**
 * Prints for commands: text to standard output and standard error, aligned columns, and colours if it is a terminal.
 */
import { styleText } from "node:util";
import type { Environment } from "../config/environment.ts";
import { reasonOf } from "../lib/error-reason.ts";
import { visible } from "../lib/text.ts";

export interface Output {
  /** Prints the result of the command to standard output, with a line feed. */
  out(text: string): void;
  /** Prints notes and errors to standard error, with a line feed. */
  err(text: string): void;
  /** The text in this style, or unchanged if standard output shows no colours. */
  paint(style: Style, text: string): string;
}

export type Style = "bold" | "dim" | "red" | "yellow" | "green";

/** Follows https://no-color.org; a dumb terminal has no colours either. */
export function wantsColour(env: Environment, isTerminal: boolean): boolean {
  return isTerminal && (env.NO_COLOR ?? "") === "" && env.TERM !== "dumb";
}

/** Returns whether the locale (locale(7)) has characters beyond ASCII. */
export function showsUnicode(env: Environment): boolean {
  const locale = [env["LC_ALL"], env["LC_CTYPE"], env["LANG"]].find((value) => (value ?? "") !== "") ?? "";
  return /utf-?8/i.test(locale);
}

/** The exit code that a shell reports for a process ended by SIGPIPE. */
const EXIT_SIGPIPE = 141;

/** Ends the command: quietly if the reader has seen enough (`| head`). */
function endUnwritten(error: NodeJS.ErrnoException): never {
  if (error.code === "EPIPE") process.exit(EXIT_SIGPIPE);
  process.stderr.write(`portcache: cannot write output: ${reasonOf(error)}\n`);
  process.exit(1);
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: colours are control sequences
const OWN_COLOURS = /(\u001b\[\d{1,3}m)/;

/**
 * Escapes all that nobody sees or that a terminal acts on, but line feeds and our own colours: names and reasons come from others.
 * JSON keeps its meaning.
 */
export function escapeOutput(text: string, colour: boolean): string {
  const escapeLine = (line: string) =>
    colour
      ? line
          .split(OWN_COLOURS)
          .map((part, i) => (i % 2 === 0 ? visible(part, "\\u") : part))
          .join("")
      : visible(line, "\\u");
  return text.split("\n").map(escapeLine).join("\n");
}

/** Prints to the standard streams of this process. */
export function createOutput(env: Environment): Output {
  process.stdout.on("error", endUnwritten);
  // There is nowhere to report that standard error cannot be written.
  process.stderr.on("error", () => undefined);
  const colour = wantsColour(env, process.stdout.isTTY === true);
  return {
    out: (text) => void process.stdout.write(`${escapeOutput(text, colour)}\n`),
    err: (text) => void process.stderr.write(`${escapeOutput(text, colour)}\n`),
    paint: (style, text) => (colour ? styleText(style, text, { validateStream: false }) : text),
  };
}

/** Between two columns. */
export const GAP = "  ";

/** Formats rows as lines with aligned columns; wide characters and colours count as they are displayed. */
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
