/**
 * A distfile being put together out of what sources send: each goes on from the byte reached, under the rules that
 * make that safe. With a Manifest's hash any source may continue any other's bytes, the hash decides in the end;
 * without one only the same URL under the same strong ETag may (RFC 9110, section 13.1.5).
 */
import { type ComputedDigests, compareDigests, type Digests, hasHash } from "../distfile/digests.ts";
import { SourceError, UnavailableError } from "../distfile/errors.ts";
import type { DistfileName } from "../distfile/name.ts";
import { maskCredentials } from "../lib/url.ts";
import type { Incoming } from "./incoming.ts";
import type { Source } from "./source.ts";
import { unlessStopped } from "./stop.ts";
import { openUpstream, type UpstreamResponse, type UpstreamSettings } from "./upstream.ts";
import { vet } from "./vet.ts";

/** What ties a part file without a hash to the one source it may be continued from. */
export interface Validator {
  readonly url: string;
  /** Strong ETag. */
  readonly etag: string;
  readonly total: number;
}

export interface Assembly {
  readonly name: DistfileName;
  /** What a Manifest says; undefined where no tree knows the name. */
  readonly expected: Digests | undefined;
  readonly incoming: Incoming;
  readonly loopHeaders: Readonly<Record<string, string>>;
  /** Whose bytes are in the part file, in order; "before" stands for an earlier run. */
  contributors: Set<Source | "before">;
  validator: Validator | undefined;
  lastModifiedAt: number | undefined;
  /** URL that the last piece came from. */
  url: string;
  /** Bytes that came from all sources together, those thrown away included. */
  received: number;
  /** Remembers what a file without a hash may be continued under. */
  remember(validator: Validator): void;
}

function isBound(assembly: Assembly): boolean {
  return assembly.expected !== undefined && hasHash(assembly.expected);
}

/** Throws away all bytes. */
async function startOver(assembly: Assembly): Promise<void> {
  assembly.contributors = new Set();
  assembly.validator = undefined;
  assembly.lastModifiedAt = undefined;
  assembly.incoming.total = assembly.expected?.size;
  await assembly.incoming.restart();
}

/** Takes over what the answer's headers tell of the file, once they are found fit. */
async function accept(assembly: Assembly, url: string, response: UpstreamResponse, asked: number): Promise<void> {
  const bound = isBound(assembly);
  const changed = !bound && asked > 0 && response.offset === 0 && response.etag !== assembly.validator?.etag;
  if (changed) await startOver(assembly);
  vet(assembly.name, response, assembly.expected, assembly.incoming.total);
  assembly.url = maskCredentials(url);
  assembly.lastModifiedAt ??= response.lastModifiedAt;
  assembly.incoming.total ??= response.total;
  if (!bound && response.etag !== undefined && response.total !== undefined) {
    assembly.validator = { url: assembly.url, etag: response.etag, total: response.total };
    assembly.remember(assembly.validator);
  }
}

async function receive(assembly: Assembly, source: Source, response: UpstreamResponse): Promise<void> {
  const { incoming } = assembly;
  let at = response.offset;
  for (let bytes = await response.read(); bytes !== undefined; bytes = await response.read()) {
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
    assembly.contributors.add(source);
    assembly.received += fresh.length;
    await incoming.append(fresh);
  }
  if (assembly.expected === undefined && at === 0) throw new SourceError("failed", "sends an empty file");
  const total = incoming.total ?? incoming.position;
  if (incoming.position < total) {
    throw new SourceError("failed", `ended after ${incoming.position} of ${total} bytes`);
  }
  if (incoming.total === undefined && !response.delimited) {
    throw new SourceError("failed", "sends a body whose end can't be told from a break");
  }
}

/**
 * Brings the rest of the file from this source; where it can't be continued there, all of it.
 * @throws {SourceError} when the source failed; what came until then is kept
 */
export async function takeFrom(
  assembly: Assembly,
  source: Source,
  settings: UpstreamSettings,
  stop: AbortSignal,
): Promise<void> {
  const { incoming } = assembly;
  const bound = isBound(assembly);
  if (bound && incoming.position > 0 && incoming.position === incoming.total) return;
  const url = await unlessStopped(source.locate(), stop);
  // Without a hash, what another source said or sent of its file holds for that one alone.
  const begun = incoming.position > 0 || assembly.url !== "";
  if (!bound && begun && assembly.validator?.url !== maskCredentials(url)) await startOver(assembly);
  const { loopHeaders } = assembly;
  const offset = incoming.position;
  const validator = bound ? undefined : assembly.validator?.etag;
  const { trustedOrigin } = source;
  const response = await openUpstream(
    { method: "GET", url, trustedOrigin, offset, validator, loopHeaders },
    settings,
    stop,
  );
  try {
    await accept(assembly, url, response, offset);
    await receive(assembly, source, response);
  } finally {
    response.close();
  }
}

export type Verdict =
  | { readonly kind: "right"; readonly computed: ComputedDigests }
  /** One source alone is to blame. */
  | { readonly kind: "liar"; readonly source: Source }
  /** Several had a part in it, or an earlier run; `last` brought the end. */
  | { readonly kind: "mixed"; readonly last: Source | undefined };

/** Checks the whole file; where its bytes are not those of the Manifest they are gone after this. */
export async function judge(assembly: Assembly): Promise<Verdict> {
  const computed = await assembly.incoming.digest();
  if (!assembly.expected || compareDigests(assembly.expected, computed) !== "different") {
    return { kind: "right", computed };
  }
  const suspects = [...assembly.contributors];
  const last = suspects.findLast((suspect) => suspect !== "before");
  await startOver(assembly);
  return suspects.length === 1 && last !== undefined ? { kind: "liar", source: last } : { kind: "mixed", last };
}
