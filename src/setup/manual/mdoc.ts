/**
 * Text as mdoc(7), the language of manual pages, for groff and mandoc (pure).
 */
import type { FlagDoc } from "./command-line.ts";

/** Of a line in the source. */
const WIDTH = 78;

/** Plain text as it stands in a line: `code` is set bold, and nothing in it is taken for a request. */
function escapeText(text: string): string {
  const escaped = text.replaceAll("\\", "\\e").replaceAll("--", "\\-\\-");
  return escaped.replace(/`([^`]*)`/g, "\\fB$1\\fP");
}

/** Broken at blanks; a line that would be a request is none. */
function wrap(text: string): string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= WIDTH) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(/^[.']/.test(word) ? `\\&${word}` : word);
  }
  return lines;
}

/** A word behind a macro: words that are macros or punctuation themselves are not taken for such. */
function argument(text: string): string {
  const escaped = text.replaceAll("\\", "\\e").replaceAll('"', "\\(dq").replaceAll("-", "\\-");
  return /^(?:[A-Z][a-z0-9]{0,2}|[^\w\s]+)$/.test(escaped) ? `\\&${escaped}` : escaped;
}

/** Every sentence ends at the end of a line. */
export function sentences(text: string): string[] {
  return text.split(/(?<=[\w)`"\]][.:?]) (?=[A-Z`[])/).flatMap((sentence) => wrap(escapeText(sentence)));
}

export function section(title: string, ...lines: readonly string[]): string[] {
  return [`.Sh ${title}`, ...lines];
}

/** `--package <CAT/PKG>` as an entry of a list. */
export function flagItem({ names, value, description }: FlagDoc): string[] {
  const flags = names.map((name) => `Fl ${argument(name.slice(1))}`).join(" , ");
  const operand = value === undefined ? "" : ` Ar ${argument(value)}`;
  return [`.It ${flags}${operand}`, ...sentences(capital(description))];
}

/** A list of terms with what each means. */
export function tagged(items: readonly (readonly [term: string, text: string])[]): string[] {
  return list(items.flatMap(([term, text]) => [`.It ${term}`, ...sentences(text)]));
}

export function list(lines: readonly string[]): string[] {
  return [".Bl -tag -width Ds", ...lines, ".El"];
}

export function paragraphs(texts: readonly string[]): string[] {
  return texts.flatMap((text, i) => [...(i > 0 ? [".Pp"] : []), ...sentences(text)]);
}

/** Lines as they are, indented. */
export function display(lines: readonly string[]): string[] {
  const shown = lines.map((line) => {
    const escaped = line.replaceAll("\\", "\\e").replaceAll("-", "\\-");
    return /^[.']/.test(escaped) ? `\\&${escaped}` : escaped;
  });
  return [".Bd -literal -offset indent", ...shown, ".Ed"];
}

export function capital(text: string): string {
  const sentence = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(sentence) ? sentence : `${sentence}.`;
}

export { argument as word };
