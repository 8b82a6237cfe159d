/**
 * A distfile being put together out of what sources send: each goes on from the byte reached, under the rules that
 * make that safe. With a Manifest's hash any source may continue any other's bytes, the hash decides in the end;
 * without one only the same URL under the same strong ETag may (RFC 9110, section 13.1.5).
 */
import { type Digests, hasHash } from "../distfile/digests.ts";
import { SourceError, UnavailableError } from "../distfile/errors.ts";
import type { FileName } from "../distfile/mirror-path.ts";
import type { RequestRecorder, Source } from "../distfile/source.ts";
import type { Clock } from "../lib/clock.ts";
import { maskCredentials } from "../lib/url.ts";
import type { UpstreamResponse } from "../upstream/request.ts";
import type { Window } from "../upstream/stall-watchdog.ts";
import type { Span } from "./byte-ranges.ts";
import { vet } from "./check-headers.ts";
import type { Incoming } from "./part-writer.ts";
import { isSameFile, type Validator, validatorOf } from "./resume.ts";
import type { Terms } from "./terms.ts";

/** Bytes that came from one source; "before" stands for an earlier run. */
export interface Contribution extends Span {
  readonly source: Source | "before";
}

/** What a source brought of a file that came out wrong. */
export interface Suspicion extends Contribution {
  readonly fingerprint: number;
}

export interface Assembly {
  readonly name: FileName;
  /** What a Manifest says; undefined where no tree knows the name. */
  readonly expected: Digests | undefined;
  readonly incoming: Incoming;
  readonly loopHeaders: Readonly<Record<string, string>>;
  /** Of a file that may change under its name, and may be empty as well. */
  readonly terms: Terms | undefined;
  /** Whose bytes are in the part file. */
  contributions: Contribution[];
  /** It came out wrong from several together: what each brought of it, to be compared with the right bytes. */
  suspicions: readonly Suspicion[];
  validator: Validator | undefined;
  lastModifiedAt: number | undefined;
  /** Header fields of the answer that the last piece came with. */
  fields: Headers | undefined;
  /** URL that the last piece came from. */
  url: string;
  /** Bytes that came from all sources together, those thrown away included. */
  received: number;
  /** Remembers what a file without a hash may be continued under. */
  remember(validator: Validator): void;
}

/** Whether a Manifest's hash decides: then any source's bytes will do. */
export function isBound(assembly: Assembly): boolean {
  return assembly.expected !== undefined && hasHash(assembly.expected);
}

/** Throws away all bytes; `distrust` holds what comes next until it is checked. */
export async function startOver(assembly: Assembly, distrust = false): Promise<void> {
  assembly.contributions = [];
  assembly.validator = undefined;
  assembly.lastModifiedAt = undefined;
  assembly.fields = undefined;
  assembly.incoming.total = assembly.expected?.size;
  await assembly.incoming.restart(distrust);
}

/**
 * Throws away what is here of another file, where no hash binds it.
 * @throws {SourceError} where clients have had some of it: they get the rest of it or none
 */
export async function leaveOther(assembly: Assembly): Promise<void> {
  if (assembly.terms && assembly.incoming.tail.begun) {
    throw new SourceError("failed", "is not known to have the same file as the one that broke off");
  }
  await startOver(assembly);
}

/** Sees to it that the answer goes on with the file that is here, or begins a new one. @throws {SourceError} */
async function checkGround(assembly: Assembly, url: string, response: UpstreamResponse): Promise<void> {
  if (isBound(assembly) || assembly.incoming.position === 0 || isSameFile(assembly, url, response)) return;
  // Under an ETag a range is the server's word that it is the same; a date is compared here as well.
  if (response.offset > 0 && assembly.validator?.url === url && assembly.validator.etag !== undefined) return;
  if (response.offset > 0) throw new SourceError("failed", "goes on with another file than the one that broke off");
  await leaveOther(assembly);
}

/** Where the newest bytes come from, and of what time the file is. */
export function noteSource(assembly: Assembly, { url, response }: Pick<Answer, "url" | "response">): void {
  assembly.url = maskCredentials(url);
  assembly.lastModifiedAt ??= response.lastModifiedAt;
  assembly.fields = response.fields;
}

/** Takes over what the answer's headers tell of the file, once they are found fit. */
async function accept(assembly: Assembly, url: string, response: UpstreamResponse): Promise<void> {
  await checkGround(assembly, maskCredentials(url), response);
  vet(assembly.name, response, assembly.expected, assembly.incoming.total);
  noteSource(assembly, { url, response });
  assembly.incoming.total ??= response.total;
  if (isBound(assembly)) return;
  // What ties it to an earlier mirror ties it to this one as well.
  const validator = validatorOf(assembly, assembly.url, response);
  if (!validator) return;
  assembly.validator = validator;
  assembly.remember(validator);
}

/** Whether nothing is left to be asked for, as after a restart between the last byte and the verdict. */
export function isComplete(assembly: Assembly): boolean {
  const { position, total } = assembly.incoming;
  return isBound(assembly) && position > 0 && position === total;
}

/** Notes whose bytes these are. */
export function contribute(assembly: Assembly, source: Source, start: number, end: number): void {
  const { contributions } = assembly;
  const before = contributions.findLastIndex((one) => one.source === source && one.end === start);
  if (before < 0) contributions.push({ source, start, end });
  else contributions[before] = { source, start: contributions[before]?.start ?? start, end };
}

/** Bytes still to come, where the size is known. */
export function leftBytes({ incoming }: Assembly): number | undefined {
  return incoming.total === undefined ? undefined : incoming.total - incoming.position;
}

/** An answer that can be the file, from the byte reached on or from the start. */
export interface Answer {
  readonly source: Source;
  readonly url: string;
  readonly response: UpstreamResponse;
  /** The byte after the last one that it brings; undefined where that is not known. */
  readonly end: number | undefined;
  /** First piece of the body; undefined where that is empty. */
  readonly first: Uint8Array | undefined;
}

export interface Reading {
  readonly trial: RequestRecorder;
  readonly pace: Window;
  readonly clock: Clock;
}

/** The pieces of an answer, each measured by the time for which it was waited. */
export async function* piecesOf(
  { response, first }: Answer,
  { trial, pace, clock }: Reading,
): AsyncGenerator<Uint8Array> {
  let bytes = first;
  let waitedMs = 0;
  while (bytes !== undefined) {
    trial.received(bytes.length, waitedMs);
    pace.fed(bytes.length);
    yield bytes;
    const before = clock.now();
    pace.waiting(true);
    bytes = await response.read();
    pace.waiting(false);
    waitedMs = Math.max(0, clock.now() - before);
  }
}

/** What was cut off at its start is told by no length; of a distfile, whose size nothing else tells, emptiness is not believed. */
function mayBeEmpty({ expected, terms }: Assembly, response: UpstreamResponse): boolean {
  return expected !== undefined || (terms !== undefined && response.total === 0);
}

async function receive(assembly: Assembly, answer: Answer, reading: Reading): Promise<void> {
  const { incoming } = assembly;
  const { response, source } = answer;
  let at = response.offset;
  for await (const bytes of piecesOf(answer, reading)) {
    // A source that ignores ranges repeats what is there already.
    const fresh = bytes.subarray(Math.min(bytes.length, Math.max(0, incoming.position - at)));
    at += bytes.length;
    if (incoming.total !== undefined && at > incoming.total) {
      throw new SourceError("bad", `sends more than ${incoming.total} bytes`);
    }
    if (fresh.length === 0) continue;
    if (assembly.expected === undefined && incoming.total === undefined && !incoming.tail.watched) {
      // It may be endless, and nobody is known to want it.
      const attempt = {
        source: source.label,
        kind: "failed",
        detail: "sends without end, and nobody waits for it",
      } as const;
      throw new UnavailableError(`Nobody waits for ${assembly.name} any more`, [attempt]);
    }
    assembly.received += fresh.length;
    contribute(assembly, source, incoming.position, incoming.position + fresh.length);
    await incoming.put(fresh, incoming.position);
  }
  if (at === 0 && !mayBeEmpty(assembly, response)) throw new SourceError("failed", "sends an empty file");
  const total = incoming.total ?? incoming.position;
  if (incoming.position < total) {
    throw new SourceError("failed", `ended after ${incoming.position} of ${total} bytes`);
  }
  if (incoming.total === undefined && !response.delimited) {
    throw new SourceError("failed", "sends a body whose end can't be told from a break");
  }
}

/**
 * Takes the answer's bytes to the end of the file.
 * @throws {SourceError} when the source failed; what came until then is kept
 */
export async function takeFrom(assembly: Assembly, answer: Answer, reading: Reading): Promise<void> {
  try {
    await accept(assembly, answer.url, answer.response);
    await receive(assembly, answer, reading);
  } finally {
    reading.pace.stop();
    answer.response.close();
  }
}
