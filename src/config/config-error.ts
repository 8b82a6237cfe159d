/**
 * A setting that can't be used. Its message names where it stands (FILE:LINE, variable or flag), what was given and
 * what is allowed; the exit code is 2.
 */
import { maskCredentials } from "../lib/url.ts";

export class ConfigError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "ConfigError";
  }
}

const SHOWN_CHARACTERS = 120;

/** A value as TOML gives it, in an error message: quoted where it is text, cut where it is long, without secrets. */
export function describeGiven(given: unknown): string {
  if (given === undefined) return "nothing";
  // JSON has no infinite numbers.
  const spelt = typeof given === "number" ? String(given) : JSON.stringify(given);
  const text = maskCredentials(given instanceof Date ? given.toISOString() : spelt);
  return text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}…` : text;
}
