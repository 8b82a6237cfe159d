/**
 * Parses SRC_URI (PMS 8.2, 8.2.10) and RESTRICT (PMS 8.3.5):
 *   item := URI ["->" NAME] | NAME | flag? "(" items ")" | "!"flag? "(" items ")" | "(" items ")"
 * White space alone separates tokens. Every branch of every USE conditional counts, as with `emerge --fetch-all-uri`. Pure.
 */

export interface SrcUri {
  /** As written, without its prefix; may be `mirror://NAME/PATH`. */
  readonly uri: string;
  /** From EAPI 8 on: `fetch+` lifts RESTRICT=fetch for this URI, `mirror+` lifts RESTRICT=mirror as well. */
  readonly lifts: "nothing" | "fetch" | "mirror";
}

export interface SrcUris {
  /** URIs by name of the distfile, in the order written; a bare name has none. */
  readonly files: ReadonlyMap<string, readonly SrcUri[]>;
  /** Names of files that everybody needs, whatever their USE flags. */
  readonly unconditional: ReadonlySet<string>;
  /** The first violation of the grammar, sentence part; `files` has what could be read all the same. */
  readonly problem?: string;
}

import type { Steps } from "../../lib/steps.ts";
import { cut, MAX_SHOWN } from "../../lib/text.ts";

/** A token outside of parentheses and conditions. */
interface Token {
  readonly text: string;
  readonly conditional: boolean;
}

interface Tokens {
  readonly tokens: readonly Token[];
  /** Sentence parts. */
  readonly problems: readonly string[];
}

const WORD = /[^ \t\n\r\f\v]+/g;
/** Words read in one step, which takes a millisecond or two. */
const WORDS_PER_STEP = 4096;

/** Does all steps at once. */
function finish<T>(steps: Steps<T>): T {
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
  }
}

/** The longest real SRC_URI has 380,000 characters, and few files have more than four URIs. */
const MAX_CHARACTERS = 1024 * 1024;
const MAX_URIS = 64;
/** What servers accept at most; a longer URI is none. */
export const MAX_URI_CHARACTERS = 8 * 1024;
const CONDITION = /^!?[A-Za-z0-9][\w+@-]*\?$/;

function problemsAtEnd(condition: string | undefined, open: number): readonly string[] {
  return [
    ...(condition === undefined ? [] : [`has ${condition} without a (`]),
    ...(open > 0 ? ["has a ( without a )"] : []),
  ];
}

/** Resolves parentheses and USE conditionals. */
function* readTokens(text: string): Steps<Tokens> {
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
    if (groups.length === 0) problems.push("has a ) without a (");
    conditional = groups.pop() ?? false;
  }

  let count = 0;
  for (const [word] of text.matchAll(WORD)) {
    if (++count % WORDS_PER_STEP === 0) yield;
    if (condition !== undefined && word !== "(") problems.push(`has ${condition} without a (`);
    const isCondition = CONDITION.test(word);
    if (word === "(") open();
    else if (word === ")") close();
    else if (!isCondition) tokens.push({ text: word, conditional });
    condition = isCondition ? word : undefined;
  }
  return { tokens, problems: [...problems, ...problemsAtEnd(condition, groups.length)] };
}

/** Returns false for EAPIs that are not numbers: no known one is. */
function atLeast(eapi: string, wanted: number): boolean {
  return /^\d+$/.test(eapi) && Number(eapi) >= wanted;
}

function readUri(text: string, eapi: string): SrcUri {
  const prefix = atLeast(eapi, 8) ? /^(fetch|mirror)\+/.exec(text) : null;
  if (!prefix) return { uri: text, lifts: "nothing" };
  return { uri: text.slice(prefix[0].length), lifts: prefix[1] === "fetch" ? "fetch" : "mirror" };
}

/** Yields URIs with the names of their files, after `->`; a name may be invalid. */
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
  // A word without a scheme is the name of a file without a URI.
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(word)) return;
  const { uri, lifts } = readUri(word, eapi);
  if (uris.length >= MAX_URIS || uris.some((known) => known.uri === uri && known.lifts === lifts)) return;
  uris.push({ uri, lifts });
}

/** Returns why a word is no URI of a file; sentence part. */
function problemOf(word: string, name: string): string | undefined {
  if (word === "->" || word === "||") return `has ${word} in place of a URI`;
  if (name === "" || name.includes("/")) return `has ${cut(word, MAX_SHOWN)} without a file name`;
  return word.length > MAX_URI_CHARACTERS ? `has a URI of ${word.length} characters` : undefined;
}

/** @param eapi EAPI of the ebuild: arrows need 2, prefixes 8 */
export function parseSrcUri(text: string, eapi: string): SrcUris {
  return finish(parseSrcUriInSteps(text, eapi));
}

/** The same in steps, as a long text takes a quarter of a second. */
export function* parseSrcUriInSteps(text: string, eapi: string): Steps<SrcUris> {
  if (text.length > MAX_CHARACTERS) {
    const problem = `is too long: ${text.length} characters`;
    return { files: new Map(), unconditional: new Set(), problem };
  }
  const { tokens, problems: unbalanced } = yield* readTokens(text);
  const files = new Map<string, SrcUri[]>();
  const always = new Set<string>();
  const problems = [...unbalanced];
  let count = 0;
  for (const { word, conditional, isRenamed, name } of readItems(tokens)) {
    if (++count % WORDS_PER_STEP === 0) yield;
    if (!conditional) always.add(name);
    if (isRenamed && !atLeast(eapi, 2)) problems.push(`has -> in EAPI ${eapi}, which needs EAPI 2`);
    const problem = problemOf(word, name);
    if (problem !== undefined) {
      problems.push(problem);
      continue;
    }
    const uris = files.get(name) ?? [];
    addUri(uris, word, eapi);
    files.set(name, uris);
  }
  const unconditional = new Set([...always].filter((name) => files.has(name)));
  const [problem] = problems;
  return problem === undefined ? { files, unconditional } : { files, unconditional, problem };
}

/** "conditional" under a USE flag, where the restriction does not hold for everybody. */
export type Restriction = "no" | "conditional" | "yes";

/** The restrictions that concern fetching. */
export interface Restrictions {
  /** The file must not be fetched automatically; implies `mirror`. */
  readonly fetch: Restriction;
  /** Mirrors do not have the file. */
  readonly mirror: Restriction;
  /** Upstream is asked before mirrors; a token of Portage, not of PMS. */
  readonly primaryuri: Restriction;
}

/** Real ones have fewer than 100 characters. */
const MAX_RESTRICT_CHARACTERS = 8 * 1024;

/** Takes a text that is too long for one that restricts all. */
export function parseRestrict(text: string): Restrictions {
  if (text.length > MAX_RESTRICT_CHARACTERS) return { fetch: "yes", mirror: "yes", primaryuri: "no" };
  const { tokens } = finish(readTokens(text));
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
