/**
 * Assembles one file from the responses of sources, each continuing at the byte reached. With an expected hash any source may
 * continue the bytes of any other, as the hash decides in the end; without one only the same URL under the same strong ETag may
 * (RFC 9110, section 13.1.5).
 */
import { type Digests, hasHash } from "../distfile/digests.ts";
import { NotModifiedError, SourceError, UnavailableError } from "../distfile/errors.ts";
import type { FileName } from "../distfile/mirror-path.ts";
import type { RequestRecorder, Source } from "../distfile/source.ts";
import { abortable } from "../lib/abort.ts";
import type { ByteRange } from "../lib/byte-range.ts";
import type { Clock } from "../lib/clock.ts";
import { maskCredentials } from "../lib/url.ts";
import { type Range, rangeHeader } from "../upstream/content-range.ts";
import { createRedirectLimit } from "../upstream/redirect.ts";
import type { UpstreamClient, UpstreamRequest, UpstreamResponse } from "../upstream/request.ts";
import type { TransferWatch } from "../upstream/stall-watchdog.ts";
import { checkHeaders } from "./check-headers.ts";
import { firstUrl } from "./first-url.ts";
import type { Part, PartWriter } from "./part-writer.ts";
import type { RateShare } from "./rate-limit.ts";
import { ifRangeFor, isSameFile, type Revalidation, type Validator, validatorOf } from "./resume.ts";

/** Bytes that came from one source; "before" stands for an earlier download. */
export interface Contribution extends ByteRange {
  readonly source: Source | "before";
}

/** What a source contributed to a file that came out wrong. */
export interface SuspectRange extends Contribution {
  readonly fingerprint: number;
}

/** The file that is to come out of a download. */
export interface ExpectedFile {
  readonly name: FileName;
  /** What the Manifest says; undefined where no package wants the name. */
  readonly expected: Digests | undefined;
  /** Set for files that may change under their name, and that may be empty as well. */
  readonly revalidation: Revalidation | undefined;
}

export interface Assembly extends ExpectedFile {
  readonly writer: PartWriter;
  /** Sends the requests for its bytes. */
  readonly upstream: UpstreamClient;
  /** Says when the next piece may be read. */
  readonly rate: RateShare;
  /** Aborted when the download is to end before the file is complete. */
  readonly stop: AbortSignal;
  /** Which bytes of the part file came from which source. */
  contributions: Contribution[];
  /** The file came out wrong from several sources: what each contributed, to be compared with the right bytes. */
  suspectRanges: readonly SuspectRange[];
  validator: Validator | undefined;
  lastModifiedAt: number | undefined;
  /** Header fields of the response that the newest bytes came with. */
  responseFields: Headers | undefined;
  /** URL that the newest bytes came from; empty before the first. */
  url: string;
  /** Bytes received from all sources together, including those discarded since. */
  receivedBytes: number;
  /** Bytes discarded because they could not be resumed, where no hash is expected. */
  discardedBytes: number;
  /** Remembers what a file without an expected hash may be resumed under. */
  readonly rememberValidator: (validator: Validator) => void;
  readonly mayRedirect: () => boolean;
}

export function createAssembly(
  { name, expected, revalidation }: ExpectedFile,
  part: Part,
  writer: PartWriter,
  upstream: UpstreamClient,
  rate: RateShare,
  stop: AbortSignal,
): Assembly {
  writer.total = expected?.size ?? part.validator?.total;
  const assembly: Assembly = {
    name,
    expected,
    writer,
    revalidation,
    upstream,
    rate,
    stop,
    contributions: part.length > 0 ? [{ source: "before", start: 0, end: part.length }] : [],
    suspectRanges: [],
    validator: part.validator,
    lastModifiedAt: undefined,
    responseFields: undefined,
    url: "",
    receivedBytes: 0,
    discardedBytes: 0,
    rememberValidator: part.rememberValidator,
    mayRedirect: createRedirectLimit(() => assembly.receivedBytes),
  };
  return assembly;
}

/** Returns whether a Manifest's hash decides, so that any source's bytes will do. */
export function hasExpectedHash({ expected }: Assembly): boolean {
  return expected !== undefined && hasHash(expected);
}

/** Discards all bytes; `distrust` holds back those that come next until they are verified. */
export async function discardAll(assembly: Assembly, distrust = false): Promise<void> {
  assembly.contributions = [];
  assembly.validator = undefined;
  assembly.lastModifiedAt = undefined;
  assembly.responseFields = undefined;
  assembly.writer.total = assembly.expected?.size;
  await assembly.writer.restart(distrust);
}

/**
 * Discards the bytes of another file, where no hash is expected.
 * @throws {SourceError} when clients have some of them: they get the rest of that file or none
 */
export async function discardOtherFile(assembly: Assembly): Promise<void> {
  if (assembly.revalidation && assembly.writer.tail.begun) {
    throw new SourceError("failed", "may have another file than the source that broke off");
  }
  assembly.discardedBytes += assembly.writer.position;
  await discardAll(assembly);
}

/** Makes sure that the response continues the file whose bytes are here, or starts a new one. @throws {SourceError} */
async function checkSameFile(assembly: Assembly, url: string, response: UpstreamResponse): Promise<void> {
  if (hasExpectedHash(assembly) || assembly.writer.position === 0 || isSameFile(assembly, url, response)) return;
  // Under an ETag a range is the server's word that the file is the same; a date is compared here as well.
  if (response.offset > 0 && assembly.validator?.url === url && assembly.validator.etag !== undefined) return;
  if (response.offset > 0)
    throw new SourceError("failed", "continues with another file than the source that broke off");
  await discardOtherFile(assembly);
}

/** Notes where the newest bytes come from, and when the file was last modified. */
export function noteResponse(assembly: Assembly, { url, response }: Pick<OpenedResponse, "url" | "response">): void {
  assembly.url = maskCredentials(url);
  assembly.lastModifiedAt ??= response.lastModifiedAt;
  assembly.responseFields = response.fields;
}

/** Checks the headers of the response, and takes over what they say about the file. */
async function acceptHeaders(assembly: Assembly, url: string, response: UpstreamResponse): Promise<void> {
  await checkSameFile(assembly, maskCredentials(url), response);
  checkHeaders(assembly.name, response, assembly.expected, assembly.writer.total);
  noteResponse(assembly, { url, response });
  assembly.writer.total ??= response.total;
  if (hasExpectedHash(assembly)) return;
  // A validator that was good at an earlier mirror is good at this one as well.
  const validator = validatorOf(assembly, assembly.url, response);
  if (!validator) return;
  assembly.validator = validator;
  assembly.rememberValidator(validator);
}

/** Returns whether nothing is left to fetch, as after a restart between the last byte and the verification. */
export function isComplete(assembly: Assembly): boolean {
  const { position, total } = assembly.writer;
  return hasExpectedHash(assembly) && position > 0 && position === total;
}

/** Notes which source the bytes came from. */
export function addContribution(assembly: Assembly, source: Source, start: number, end: number): void {
  const { contributions } = assembly;
  const before = contributions.findLastIndex((one) => one.source === source && one.end === start);
  if (before < 0) contributions.push({ source, start, end });
  else contributions[before] = { source, start: contributions[before]?.start ?? start, end };
}

/** Returns how many bytes are still to come, where the size is known. */
export function remainingBytes({ writer }: Assembly): number | undefined {
  return writer.total === undefined ? undefined : writer.total - writer.position;
}

/** A request to a source for bytes of the file. */
export interface SourceRequest {
  readonly source: Source;
  readonly record: RequestRecorder;
  /** Needs an expected hash; undefined for the rest of the file, or for all of it where it can't be resumed there. */
  readonly range: Range | undefined;
}

/** A response that can be the file, from the byte reached or from the start. */
export interface OpenedResponse {
  readonly source: Source;
  readonly url: string;
  readonly response: UpstreamResponse;
  /** The byte after the last one that it brings; undefined where that is not known. */
  readonly end: number | undefined;
  /** The first chunk of the body; undefined where the body is empty. */
  readonly first: Uint8Array | undefined;
}

/** Statuses by which servers refuse a range request that cannot do ranges; 206 where they send another range than that. */
const RANGE_REFUSALS = new Set([206, 400, 416, 501]);

function isRangeRefusal(error: unknown): boolean {
  return error instanceof SourceError && RANGE_REFUSALS.has(error.status ?? 0);
}

/** Sends a request for bytes that a hash decides about; where the source refuses the range, for the whole file. */
async function sendHashed(
  request: UpstreamRequest,
  upstream: UpstreamClient,
  cancelled: AbortSignal,
): Promise<UpstreamResponse> {
  try {
    return await upstream.send(request, cancelled);
  } catch (error) {
    if (rangeHeader(request) === undefined || !isRangeRefusal(error)) throw error;
    return await upstream.send({ ...request, offset: 0, end: undefined }, cancelled);
  }
}

/** Returns the same response, which calls `onClose` once it is closed. */
function withCloseHook(response: UpstreamResponse, onClose: () => void): UpstreamResponse {
  return {
    ...response,
    close() {
      response.close();
      onClose();
    },
  };
}

async function openUrl(
  assembly: Assembly,
  { source, record, range }: SourceRequest,
  url: string,
  clock: Clock,
  cancelled: AbortSignal,
): Promise<OpenedResponse> {
  const { writer, revalidation, upstream } = assembly;
  const hashed = hasExpectedHash(assembly);
  // Without a hash, what another source said or sent of its file holds for that source alone.
  const begun = writer.position > 0 || assembly.url !== "";
  const ifRange = hashed ? undefined : ifRangeFor(assembly, url);
  if (!hashed && begun && (ifRange === undefined || writer.position === 0)) await discardOtherFile(assembly);
  const { offset, end } = range ?? { offset: writer.position, end: undefined };
  const { trustedOrigin } = source;
  const conditions = offset === 0 ? revalidation?.conditionalHeaders(source) : undefined;
  const { mayRedirect } = assembly;
  const validated = { offset, end, validator: ifRange, conditions };
  const size = hashed ? assembly.expected?.size : undefined;
  const request = { method: "GET", url, trustedOrigin, ...validated, size, mayRedirect } as const;
  const releaseSlot = await abortable(upstream.slots.acquire(), cancelled, (late) => late());
  const askedAt = clock.now();
  const response = await (hashed ? sendHashed(request, upstream, cancelled) : upstream.send(request, cancelled))
    .then((sent) => withCloseHook(sent, releaseSlot))
    .catch((error: unknown) => {
      releaseSlot();
      const isAnswer = error instanceof NotModifiedError || (error instanceof SourceError && error.kind === "absent");
      if (isAnswer) record.firstByte(Math.max(0, clock.now() - askedAt));
      throw error;
    });
  try {
    if (hashed) checkHeaders(assembly.name, response, assembly.expected, writer.total);
    revalidation?.checkResponse(source, response);
    const ignored = end !== undefined && !response.partial;
    if (end !== undefined) source.noteRange(response.partial);
    const first = await response.read();
    record.firstByte(Math.max(0, clock.now() - askedAt));
    return { source, url, response, end: ignored || end === undefined ? writer.total : end, first };
  } catch (error) {
    response.close();
    throw error;
  }
}

/**
 * Sends the request, and returns the response with its first bytes. Writes nothing, so that several sources may be asked at once
 * where a hash is expected.
 * @param cancelled aborted when the response is not needed any more
 * @throws {SourceError}
 * @throws {NotModifiedError} when the stored file is the current one
 */
export async function openResponse(
  assembly: Assembly,
  request: SourceRequest,
  clock: Clock,
  cancelled: AbortSignal,
): Promise<OpenedResponse> {
  const location = await abortable(request.source.locate(), cancelled);
  // Where the bytes here came from comes first.
  const isHere = (url: string) => assembly.validator?.url === maskCredentials(url);
  return await firstUrl(location, isHere, (url) => openUrl(assembly, request, url, clock, cancelled));
}

/** Yields the chunks of the body, each when its turn has come, and measures how long it was waited for. */
export async function* chunksOf(
  { rate, stop }: Pick<Assembly, "rate" | "stop">,
  { response, end, first }: OpenedResponse,
  record: RequestRecorder,
  watch: TransferWatch,
  clock: Clock,
): AsyncGenerator<Uint8Array> {
  let bytes = first;
  let waitedMs: number | undefined = 0;
  let leftBytes = end === undefined ? undefined : end - response.offset;
  while (bytes !== undefined) {
    record.received(bytes.length, waitedMs);
    watch.received(bytes.length);
    rate.received(bytes.length);
    yield bytes;
    if (leftBytes !== undefined) leftBytes -= bytes.length;
    const turn = rate.turn(stop, leftBytes);
    if (turn !== undefined) await turn;
    const before = clock.now();
    watch.setWaiting(true);
    bytes = await response.read();
    watch.setWaiting(false);
    waitedMs = turn === undefined ? Math.max(0, clock.now() - before) : undefined;
  }
}

/** A distfile of unknown size is not taken for empty: without a length a body cut off at its start looks the same. */
function mayBeEmpty({ expected, revalidation }: Assembly, response: UpstreamResponse): boolean {
  return expected !== undefined || (revalidation !== undefined && response.total === 0);
}

/** A file without size and hash may be endless: it is given up once no client waits for it. */
function checkWanted({ name, expected, writer }: Assembly, source: Source): void {
  if (expected !== undefined || writer.total !== undefined || writer.tail.watched) return;
  const detail = "sends without end, and nobody waits for it";
  const attempt = { source: source.label, kind: "failed", detail } as const;
  throw new UnavailableError(`Nobody waits for ${name} any more`, [attempt]);
}

async function receiveBody(
  assembly: Assembly,
  opened: OpenedResponse,
  chunks: AsyncGenerator<Uint8Array>,
): Promise<void> {
  const { writer } = assembly;
  const { response, source } = opened;
  let at = response.offset;
  for await (const bytes of chunks) {
    // A source that ignores ranges repeats what is there already.
    const fresh = bytes.subarray(Math.min(bytes.length, Math.max(0, writer.position - at)));
    at += bytes.length;
    if (writer.total !== undefined && at > writer.total) {
      throw new SourceError("bad", `sends more than ${writer.total} bytes`);
    }
    if (fresh.length === 0) continue;
    checkWanted(assembly, source);
    assembly.receivedBytes += fresh.length;
    addContribution(assembly, source, writer.position, writer.position + fresh.length);
    await writer.write(fresh, writer.position);
  }
  if (at === 0 && !mayBeEmpty(assembly, response)) throw new SourceError("failed", "sends an empty file");
  const total = writer.total ?? writer.position;
  if (writer.position < total) {
    throw new SourceError("failed", `ended after ${writer.position} of ${total} bytes`);
  }
  if (writer.total === undefined && !response.delimited) {
    throw new SourceError("failed", "sends a body without a length, which may have been cut off");
  }
}

/**
 * Receives the response to the end of the file.
 * @throws {SourceError} when the source failed; bytes received before that are kept
 */
export async function receiveFrom(
  assembly: Assembly,
  opened: OpenedResponse,
  record: RequestRecorder,
  watch: TransferWatch,
  clock: Clock,
): Promise<void> {
  try {
    await acceptHeaders(assembly, opened.url, opened.response);
    await receiveBody(assembly, opened, chunksOf(assembly, opened, record, watch, clock));
  } catch (error) {
    // How the body ends does not matter once all of the file is here: the hash decides.
    if (!(error instanceof SourceError) || error.kind === "bad" || assembly.stop.aborted || !isComplete(assembly))
      throw error;
  } finally {
    watch.stop();
    opened.response.close();
  }
}
