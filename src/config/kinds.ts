/**
 * Declares the kinds of values that settings have: how each is validated, read from text (environment, flags) and printed, and
 * how error messages describe what is expected.
 */
import { parse as parseToml } from "smol-toml";
import * as v from "valibot";
import { type DayHours, formatDayHours, parseDayHours } from "../lib/day-hours.ts";
import {
  isCidr,
  isClientName,
  isHttpUrl,
  isLayout,
  isListenAddress,
  isPath,
  isRepositorySource,
  toPath,
} from "./checks.ts";
import { formatDuration, formatSize, parseDuration, parseSize } from "./units.ts";

export interface Kind<T> {
  /** The type in a word or two, with the unit of the file. */
  readonly type: string;
  /** What is valid, to follow "expected". */
  readonly expected: string;
  readonly schema: v.GenericSchema<unknown, T>;
  /** Returns what TOML would hold for this text; text that can't be read is returned for the schema to reject. */
  fromText(text: string): unknown;
  /** Prints the value as people write it. */
  format(value: T): string;
}

function textKind<T extends string>(type: string, expected: string, schema: v.GenericSchema<unknown, T>): Kind<T> {
  return { type, expected, schema, fromText: (text) => text, format: (value) => value };
}

function checkedText(type: string, expected: string, isValid: (text: string) => boolean): Kind<string> {
  return textKind(type, expected, v.pipe(v.string(), v.check(isValid)));
}

function list(type: string, item: Kind<string>, split = /\S+/g, least = 0): Kind<readonly string[]> {
  return {
    type: `list of ${type}`,
    expected: `a list of ${least > 0 ? "one or more of " : ""}${item.expected}`,
    schema: v.pipe(v.array(item.schema), v.minLength(least), v.readonly()),
    fromText: (text) => (/^\s*\[.*\]\s*$/s.test(text) ? fromTomlArray(text) : (text.match(split) ?? [])),
    format: (values) => `[${values.map((value) => JSON.stringify(value)).join(", ")}]`,
  };
}

function fromTomlArray(text: string): unknown {
  try {
    const { list } = parseToml(`list = ${text}`);
    return list;
  } catch {
    return text;
  }
}

export function wholeNumber(least: number, most: number, unit = "number"): Kind<number> {
  return {
    type: unit,
    expected: `a whole number from ${least} to ${most}`,
    schema: v.pipe(v.number(), v.integer(), v.minValue(least), v.maxValue(most)),
    fromText: (text) => (/^\s*\d+\s*$/.test(text) ? Number(text) : text),
    format: String,
  };
}

export function oneOf<const T extends string>(...words: readonly T[]): Kind<T> {
  const quoted = words.map((word) => `"${word}"`);
  return textKind(quoted.join(" or "), quoted.join(" or "), v.picklist(words));
}

/** The value is in milliseconds. */
export function duration(least: string, most?: string): Kind<number> {
  const [leastMs = 0, mostMs = Number.MAX_SAFE_INTEGER] = [parseDuration(least), parseDuration(most ?? "")];
  const range = most === undefined ? "" : `, from ${least} to ${most}`;
  return {
    type: "duration",
    expected: `a duration such as "500ms", "90s", "10m", "12h", "180d" or "6 months"${leastMs === 0 ? ', or "0"' : ""}${range}`,
    schema: v.pipe(
      v.union([v.string(), v.literal(0)]),
      v.transform((given) => parseDuration(String(given))),
      v.number(),
      v.minValue(leastMs),
      v.maxValue(mostMs),
    ),
    fromText: (text) => text,
    format: formatDuration,
  };
}

/** The value is in bytes. */
export const size: Kind<number> = {
  type: "size",
  expected: 'a size in bytes, or with a unit such as "64MiB", "10GiB", "500M" or "50G", or 0',
  schema: v.pipe(
    v.union([v.number(), v.string()]),
    v.transform((given) => (typeof given === "number" ? given : parseSize(given))),
    v.number(),
    v.safeInteger(),
    v.minValue(0),
  ),
  fromText: (text) => text,
  format: formatSize,
};

/** Undefined for all hours. */
export const dayHours: Kind<DayHours | undefined> = {
  type: "hours",
  expected: 'hours of the day such as "08:00-23:00", or over midnight "22:00-06:00", or nothing',
  schema: v.pipe(
    v.string(),
    v.check((text) => text === "" || parseDayHours(text) !== undefined),
    v.transform((text) => parseDayHours(text)),
  ),
  fromText: (text) => text,
  format: (hours) => (hours ? formatDayHours(hours) : ""),
};

const WORDS: Readonly<Record<string, boolean>> = { true: true, yes: true, false: false, no: false };

export const yesNo: Kind<boolean> = {
  type: "true or false",
  expected: "true or false",
  schema: v.boolean(),
  fromText: (text) => WORDS[text.trim().toLowerCase()] ?? text,
  format: String,
};

export const port = wholeNumber(0, 65_535, "port");

export const ipAddress = checkedText(
  "address",
  'an IPv4 or IPv6 address without brackets, or "localhost"',
  isListenAddress,
);

export const path = textKind(
  "path",
  "a path (~ is not expanded)",
  v.pipe(v.string(), v.check(isPath), v.transform(toPath)),
);

export const optionalPath = textKind(
  "path",
  "a path (~ is not expanded), or nothing",
  v.pipe(
    v.string(),
    v.check((text) => text === "" || isPath(text)),
    v.transform(toPath),
  ),
);

/** Sent as a header, unchanged. */
export const headerText = checkedText("text", "printable ASCII characters", (text) => /^[\x20-\x7e]*$/.test(text));

export const token = checkedText("text", "printable ASCII characters without blanks", (text) =>
  /^[\x21-\x7e]*$/.test(text),
);

export const optionalHttpUrl = checkedText(
  "URL",
  "an http:// or https:// URL, or nothing",
  (text) => text === "" || isHttpUrl(text),
);

export const httpUrls = list(
  "URLs",
  checkedText("URL", "http:// or https:// URLs without query and fragment", isHttpUrl),
);

export const cidrs = list(
  "address ranges",
  checkedText("address range", "addresses or CIDR ranges such as 192.168.0.0/16 or fd00::/8", isCidr),
);

export const clientNames = list(
  "client names",
  checkedText(
    "client name",
    'ADDRESS=NAME, in the file "192.168.1.5" = "builder", of letters, digits, " ", ".", "_", "-"',
    isClientName,
  ),
);

export const hostnames = list(
  "host names",
  checkedText("host name", "host names such as cache.example.org, without port", (text) =>
    /^[a-z0-9_]([a-z0-9_.-]*[a-z0-9])?$/i.test(text),
  ),
);

export const globs = list(
  "globs",
  // They are matched with names of files, which have no slashes.
  checkedText("glob", "globs such as linux-firmware-* without slashes, or of paths such as snapshots/**", (text) =>
    /^(?:(?:snapshots|releases|experimental)\/.+|[^/]+)$/s.test(text),
  ),
);

export const repositorySources = list(
  "paths and URLs",
  checkedText(
    "path or URL",
    "absolute paths, or git or rsync URLs (https://, git://, ssh://, rsync://, git@HOST:PATH)",
    isRepositorySource,
  ),
);

/** A layout has blanks in it, so that three words of a text may be one layout. */
export const layouts = list(
  "layouts",
  checkedText(
    "layout",
    '"flat", or "filename-hash" or "content-hash" with BLAKE2B or SHA512 and cut-offs in bits, multiples of 4, such as "filename-hash BLAKE2B 8"',
    isLayout,
  ),
  /(?:filename|content)-hash\s+\S+\s+\S+|\S+/g,
  1,
);
