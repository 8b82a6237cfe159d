/**
 * Finds the regular expressions in a TypeScript source: a scanner that knows comments, strings, templates, and after which tokens
 * a slash divides.
 */

const SPACE = /\s/;
const WORD = /^[\w$]+/;
/** After these a slash begins a regular expression although they look like operands. */
const KEYWORDS = new Set(["return", "case", "typeof", "in", "of", "await", "yield"]);

function endOfString(text: string, at: number): number {
  let end = at + 1;
  while (end < text.length && text[end] !== text[at]) end += text[end] === "\\" ? 2 : 1;
  return end + 1;
}

function endOfLiteral(text: string, at: number): number {
  let inClass = false;
  let end = at + 1;
  for (; end < text.length && (text[end] !== "/" || inClass); end++) {
    if (text[end] === "\\") end++;
    else if (text[end] === "[") inClass = true;
    else if (text[end] === "]") inClass = false;
  }
  return end + 1 + (/^[a-z]*/.exec(text.slice(end + 1, end + 16))?.[0].length ?? 0);
}

function endOfComment(text: string, at: number): number | undefined {
  const isLine = text.startsWith("//", at);
  if (!isLine && !text.startsWith("/*", at)) return undefined;
  const end = text.indexOf(isLine ? "\n" : "*/", at + 2);
  return end < 0 ? text.length : end + (isLine ? 1 : 2);
}

/** Scans code up to `close`, adding what it finds. @returns where it ended */
function scan(text: string, start: number, close: string, found: string[]): number {
  let at = start;
  let before = "";
  const isOperand = () => /[\w)\]}"'`]$/.test(before) && !KEYWORDS.has(before);
  while (at < text.length) {
    const char = text[at] ?? "";
    if (char === close) return at + 1;
    if (SPACE.test(char)) {
      at++;
      continue;
    }
    const commentEnd = endOfComment(text, at);
    if (commentEnd !== undefined) {
      at = commentEnd;
      continue;
    }
    const end = endOfToken(text, at, isOperand(), found);
    before = text.slice(at, end);
    at = end;
  }
  return at;
}

function endOfTemplate(text: string, at: number, found: string[]): number {
  let end = at + 1;
  while (end < text.length && text[end] !== "`") {
    if (text[end] === "\\") end += 2;
    else if (text.startsWith("${", end)) end = scan(text, end + 2, "}", found);
    else end++;
  }
  return end + 1;
}

function endOfToken(text: string, at: number, afterOperand: boolean, found: string[]): number {
  const char = text[at];
  if (char === '"' || char === "'") return endOfString(text, at);
  if (char === "`") return endOfTemplate(text, at, found);
  if (char === "{") return scan(text, at + 1, "}", found);
  if (char === "/" && !afterOperand) {
    const end = endOfLiteral(text, at);
    found.push(text.slice(at, end));
    return end;
  }
  return at + (WORD.exec(text.slice(at, at + 64))?.[0].length ?? 1);
}

/** Returns the literals in the order of the text. */
export function regularExpressionsIn(text: string): readonly string[] {
  const found: string[] = [];
  scan(text, 0, "", found);
  return found;
}
