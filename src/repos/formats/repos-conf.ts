/**
 * Parses Portage's repos.conf (portage(5); portage: repository/config.py), an INI text as Python's configparser reads it. [DEFAULT]
 * has options of all sections, and main-repo. Options are case-insensitive and end at `=` or `:`; a line indented deeper than its
 * option continues it; `#` and `;` start comments; `%(EPREFIX)s` is replaced. Later texts add to earlier ones and override them.
 */

import { MAX_LINE_CHARACTERS, wordsOf } from "../../lib/text.ts";

export interface ReposConfSection {
  readonly name: string;
  readonly location?: string;
  /** Undefined where metadata/layout.conf decides. */
  readonly masters?: readonly string[];
  readonly eclassOverrides: readonly string[];
  readonly aliases: readonly string[];
  /** Undefined stands for 0, or -1000 for the main repository. */
  readonly priority?: number;
}

export interface ReposConf {
  readonly mainRepo?: string;
  readonly sections: readonly ReposConfSection[];
  /** Sentences about invalid lines, with file and line number. */
  readonly problems: readonly string[];
}

/** One file of repos.conf; `source` names it in problems. */
export interface ReposConfText {
  readonly source: string;
  readonly text: string;
}

type Options = Map<string, string>;

/** Defaults that Portage passes to configparser, for a system that is its own root. */
const BUILT_IN: Options = new Map([
  ["eprefix", ""],
  ["eroot", "/"],
  ["portage_configroot", "/"],
  ["root", "/"],
]);

const DEFAULT = "DEFAULT";

/** Yields lines other than comments and empty ones, with their indent; `number` counts from 1. */
function* significantLines(text: string) {
  for (const [i, raw] of text.split(/\r\n|\r|\n/).entries()) {
    const line = raw.trim();
    if (line !== "" && !/^[#;]/.test(line)) {
      yield { number: i + 1, line, indent: raw.length - raw.trimStart().length };
    }
  }
}

/** Adds the text's options to `sections`. */
function readSections({ source, text }: ReposConfText, sections: Map<string, Options>, problems: string[]): void {
  let section: Options | undefined;
  let open: { readonly key: string; readonly indent: number } | undefined;
  for (const { number, line, indent } of significantLines(text)) {
    if (section && open && indent > open.indent) {
      section.set(open.key, `${section.get(open.key)}\n${line}`);
      continue;
    }
    open = undefined;
    const [, header] = /^\[([^\]]+)\]/.exec(line) ?? [];
    const end = line.search(/[=:]/);
    if (header !== undefined) {
      section = sections.get(header) ?? new Map();
      sections.set(header, section);
    } else if (section && end > 0) {
      open = { key: line.slice(0, end).trim().toLowerCase(), indent };
      section.set(open.key, line.slice(end + 1).trim());
    } else {
      problems.push(`${source} line ${number}: expected [section] or option = value, got ${JSON.stringify(line)}`);
    }
  }
}

/** As in Python's configparser (MAX_INTERPOLATION_DEPTH). */
const MAX_DEPTH = 10;
/** Options that name each other could grow without end. */
const MAX_VALUE_CHARACTERS = MAX_LINE_CHARACTERS;

/**
 * Replaces `%(name)s` by that option and `%%` by `%`; unknown and recursive options stay as they are, and so do those that would make
 * the value too long.
 */
function interpolate(value: string, lookUp: (key: string) => string | undefined, within: readonly string[]): string {
  let left = MAX_VALUE_CHARACTERS - value.length;
  return value.replace(/%%|%\(([^()%]*)\)s/g, (match, name: string | undefined) => {
    if (name === undefined) return "%";
    const key = name.toLowerCase();
    const replacement = within.includes(key) || within.length > MAX_DEPTH ? undefined : lookUp(key);
    if (replacement === undefined || left <= 0) return match;
    const inserted = interpolate(replacement, lookUp, [...within, key]);
    left -= inserted.length;
    return inserted.length > MAX_VALUE_CHARACTERS ? match : inserted;
  });
}

function describe(name: string, get: (key: string) => string | undefined): ReposConfSection {
  const location = get("location");
  const masters = get("masters");
  const priority = get("priority");
  return {
    name,
    ...(location ? { location } : {}),
    ...(masters === undefined ? {} : { masters: wordsOf(masters) }),
    eclassOverrides: wordsOf(get("eclass-overrides") ?? ""),
    aliases: wordsOf(get("aliases") ?? ""),
    ...(priority !== undefined && /^[+-]?\d+$/.test(priority) ? { priority: Number(priority) } : {}),
  };
}

/** Parses texts as one, in the order in which Portage reads them. */
export function parseReposConf(texts: readonly ReposConfText[]): ReposConf {
  const found = new Map<string, Options>();
  const problems: string[] = [];
  for (const text of texts) readSections(text, found, problems);
  const defaults = found.get(DEFAULT) ?? new Map<string, string>();
  const getter = (options: Options) => {
    const raw = (key: string) => options.get(key) ?? defaults.get(key) ?? BUILT_IN.get(key);
    return (key: string) => {
      const value = raw(key);
      return value === undefined ? undefined : interpolate(value, raw, [key]).trim();
    };
  };
  const mainRepo = getter(defaults)("main-repo");
  const sections = [...found].filter(([name]) => name !== DEFAULT);
  return {
    ...(mainRepo ? { mainRepo } : {}),
    sections: sections.map(([name, options]) => describe(name, getter(options))),
    problems,
  };
}

/** Sorts sections as Portage does: by priority, the main repository first among equals, then by name. */
export function inPortageOrder({ mainRepo, sections }: ReposConf): readonly ReposConfSection[] {
  const priority = (section: ReposConfSection) => section.priority ?? (section.name === mainRepo ? -1000 : 0);
  const rank = (section: ReposConfSection) => (section.name === mainRepo ? 0 : 1);
  return sections.toSorted(
    (a, b) => priority(a) - priority(b) || rank(a) - rank(b) || (a.name < b.name ? -1 : Number(a.name > b.name)),
  );
}
