/**
 * Reports invalid settings, all at once. Each problem names its origin (FILE:LINE, variable or flag), what was expected and what
 * was given; the exit code is 2.
 */
import { maskCredentials } from "../lib/url.ts";

export class ConfigError extends Error {
  /** One sentence each, in the order of their origins; below it may be lines of the file. */
  readonly problems: readonly string[];

  constructor(problems: readonly string[], options?: ErrorOptions) {
    super(problems.join("\n"), options);
    this.name = "ConfigError";
    this.problems = problems;
  }
}

const SHOWN_CHARACTERS = 120;

/** Describes a value of the file in an error message: text is quoted, long values are cut, passwords in URLs are masked. */
export function describeGiven(given: unknown): string {
  if (given === undefined) return "nothing";
  // JSON has no infinite numbers.
  const json = typeof given === "number" ? String(given) : JSON.stringify(given);
  const text = maskCredentials(given instanceof Date ? given.toISOString() : json);
  return text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}…` : text;
}
