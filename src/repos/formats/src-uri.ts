/**
 * The grammar of SRC_URI (PMS 8.2, 8.2.10) and of RESTRICT (PMS 8.3.5), pure:
 *   item := URI ["->" NAME] | NAME | flag? "(" items ")" | "!"flag? "(" items ")" | "(" items ")"
 * Tokens are split at white space alone. Every branch of every USE conditional counts, as for `emerge --fetch-all-uri`.
 */

export interface SrcUri {
  /** As written, without its prefix; may be `mirror://NAME/PATH`. */
  readonly uri: string;
  /** From EAPI 8 on: `fetch+` lifts RESTRICT=fetch for this URI, `mirror+` lifts RESTRICT=mirror as well. */
  readonly lifts: "nothing" | "fetch" | "mirror";
}

export interface SrcUris {
  /** By name of the distfile, in the order written; a bare name has no URI. */
  readonly files: ReadonlyMap<string, readonly SrcUri[]>;
  /** Those of the files that everybody needs, whatever their USE flags. */
  readonly unconditional: ReadonlySet<string>;
  /** What is not as the grammar has it, sentence part; what could be read all the same is in `files`. */
  readonly problem?: string;
}

/** A token with the USE conditionals that it stands under. */
interface Token {
  readonly text: string;
  readonly conditional: boolean;
}

interface Tokens {
  readonly tokens: readonly Token[];
  /** Sentence parts. */
  readonly problems: readonly string[];
}

function words(text: string): readonly string[] {
  return text.split(/[ \t\n\r\f\v]+/).filter((word) => word !== "");
}

/** The longest SRC_URI seen has 380,000 characters, and four URIs a file are many. */
const MAX_CHARACTERS = 2 * 1024 * 1024;
const MAX_URIS = 64;
const CONDITION = /^!?[A-Za-z0-9][\w+@-]*\?$/;

/** The parentheses resolved: what is left are the leaves. */
function readTokens(text: string): Tokens {
  const tokens: Token[] = [];
  const groups: boolean[] = [];
  const problems: string[] = [];
  let conditional = false;
  let condition: string | undefined;

  function open(): void {
    groups.push(conditional);
    conditional ||= condition !== undefined;
  }

  function close(): void {
    if (groups.length === 0) problems.push("a ) has no (");
    conditional = groups.pop() ?? false;
  }

  for (const word of words(text)) {
    if (condition !== undefined && word !== "(") problems.push(`${condition} is not followed by (`);
    const isCondition = CONDITION.test(word);
    if (word === "(") open();
    else if (word === ")") close();
    else if (!isCondition) tokens.push({ text: word, conditional });
    condition = isCondition ? word : undefined;
  }
  if (condition !== undefined) problems.push(`${condition} is not followed by (`);
  if (groups.length > 0) problems.push("a ( is not closed");
  return { tokens, problems };
}

/** EAPIs are numbers so far; what is not is none that we know. */
function atLeast(eapi: string, wanted: number): boolean {
  return /^\d+$/.test(eapi) && Number(eapi) >= wanted;
}

function readUri(text: string, eapi: string): SrcUri {
  const prefix = atLeast(eapi, 8) ? /^(fetch|mirror)\+/.exec(text) : null;
  if (!prefix) return { uri: text, lifts: "nothing" };
  return { uri: text.slice(prefix[0].length), lifts: prefix[1] === "fetch" ? "fetch" : "mirror" };
}

/** Leaves as URIs with the names of their files, `->` resolved; a name may turn out to be none. */
function* readItems(tokens: readonly Token[]) {
  for (let at = 0; at < tokens.length; at++) {
    const { text: word = "", conditional = false } = tokens[at] ?? {};
    const isRenamed = tokens[at + 1]?.text === "->";
    const name = isRenamed ? (tokens[at + 2]?.text ?? "") : word.slice(word.lastIndexOf("/") + 1);
    if (isRenamed) at += 2;
    yield { word, conditional, isRenamed, name };
  }
}

function addUri(uris: SrcUri[], word: string, eapi: string): void {
  // A word without a scheme is the name of a file that has no URI.
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(word)) return;
  const { uri, lifts } = readUri(word, eapi);
  if (uris.length >= MAX_URIS || uris.some((known) => known.uri === uri && known.lifts === lifts)) return;
  uris.push({ uri, lifts });
}

/** @param eapi of the ebuild: arrows are from 2 on, prefixes from 8 */
export function parseSrcUri(text: string, eapi: string): SrcUris {
  if (text.length > MAX_CHARACTERS) {
    const problem = `its ${text.length} characters are too many`;
    return { files: new Map(), unconditional: new Set(), problem };
  }
  const { tokens, problems: unbalanced } = readTokens(text);
  const files = new Map<string, SrcUri[]>();
  const problems = [...unbalanced];
  for (const { word, isRenamed, name } of readItems(tokens)) {
    if (isRenamed && !atLeast(eapi, 2)) problems.push(`-> needs EAPI 2, this is ${eapi}`);
    if (word === "->" || word === "||") {
      problems.push(`${word} stands where a URI should`);
    } else if (name === "" || name.includes("/")) {
      problems.push(`${word} has no file name`);
    } else {
      const uris = files.get(name) ?? [];
      addUri(uris, word, eapi);
      files.set(name, uris);
    }
  }
  const always = [...readItems(tokens)].filter(({ conditional, name }) => !conditional && files.has(name));
  const unconditional = new Set(always.map(({ name }) => name));
  const [problem] = problems;
  return problem === undefined ? { files, unconditional } : { files, unconditional, problem };
}

/** "conditional" where it stands under a USE flag: then it does not hold for everybody. */
export type Restriction = "no" | "conditional" | "yes";

/** What of RESTRICT bears on fetching. */
export interface Restrictions {
  /** Not to be fetched automatically; implies `mirror`. */
  readonly fetch: Restriction;
  /** Not to be had from mirrors. */
  readonly mirror: Restriction;
  /** Upstream before mirrors (Portage's own). */
  readonly primaryuri: Restriction;
}

export function parseRestrict(text: string): Restrictions {
  const { tokens } = readTokens(text);
  const restriction = (...names: readonly string[]): Restriction => {
    const found = tokens.filter((token) => names.includes(token.text));
    if (found.length === 0) return "no";
    return found.some((token) => !token.conditional) ? "yes" : "conditional";
  };
  const fetch = restriction("fetch");
  const mirror = restriction("mirror", "nomirror");
  const implied = fetch === "yes" || mirror === "no" ? fetch : mirror;
  return { fetch, mirror: implied, primaryuri: restriction("primaryuri") };
}
