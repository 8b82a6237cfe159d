/**
 * Formats text as mdoc(7), the language of manual pages, for groff and mandoc (pure).
 */
import type { FlagDoc } from "./command-line.ts";

/** Columns of a line in the source. */
const WIDTH = 78;

/** Escapes plain text, so that nothing in it is a request; `code` becomes bold. */
function escapeText(text: string): string {
  const escaped = text.replaceAll("\\", "\\e").replaceAll("--", "\\-\\-");
  return escaped.replace(/`([^`]*)`/g, "\\fB$1\\fP");
}

/** Breaks text at spaces; no line begins like a request. */
function wrap(text: string): string[] {
  const lines: string[] = [];
  for (const next of text.split(" ")) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + next.length <= WIDTH) lines[lines.length - 1] = `${last} ${next}`;
    else lines.push(/^[.']/.test(next) ? `\\&${next}` : next);
  }
  return lines;
}

/** Escapes an argument of a macro, so that it is neither a macro nor punctuation itself. */
export function word(text: string): string {
  const escaped = text.replaceAll("\\", "\\e").replaceAll('"', "\\(dq").replaceAll("-", "\\-");
  return /^(?:[A-Z][a-z0-9]{0,2}|[^\w\s]+)$/.test(escaped) ? `\\&${escaped}` : escaped;
}

/** Splits text into lines, with a new line for every sentence, as mdoc wants it. */
export function sentences(text: string): string[] {
  return text.split(/(?<=[\w)`"\]][.:?]) (?=[A-Z`[])/).flatMap((sentence) => wrap(escapeText(sentence)));
}

export function section(title: string, ...lines: readonly string[]): string[] {
  return [`.Sh ${title}`, ...lines];
}

/** Makes a sentence of a description. */
function capital(text: string): string {
  const sentence = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(sentence) ? sentence : `${sentence}.`;
}

/** Formats a flag such as `--package <CAT/PKG>` as an entry of a list. */
export function flagItem({ names, value, description }: FlagDoc): string[] {
  const flags = names.map((name) => `Fl ${word(name.slice(1))}`).join(" , ");
  const operand = value === undefined ? "" : ` Ar ${word(value)}`;
  return [`.It ${flags}${operand}`, ...sentences(capital(description))];
}

/** Formats a list of terms with their meanings. */
export function tagged(items: readonly (readonly [term: string, text: string])[]): string[] {
  return list(items.flatMap(([term, text]) => [`.It ${term}`, ...sentences(text)]));
}

export function list(lines: readonly string[]): string[] {
  return [".Bl -tag -width Ds", ...lines, ".El"];
}

export function paragraphs(texts: readonly string[]): string[] {
  return texts.flatMap((text, i) => [...(i > 0 ? [".Pp"] : []), ...sentences(text)]);
}

/** Formats lines verbatim, indented. */
export function display(lines: readonly string[]): string[] {
  const shown = lines.map((line) => {
    const escaped = line.replaceAll("\\", "\\e").replaceAll("-", "\\-");
    return /^[.']/.test(escaped) ? `\\&${escaped}` : escaped;
  });
  return [".Bd -literal -offset indent", ...shown, ".Ed"];
}
