/**
 * Sends a GET or HEAD upstream: identity encoding, redirects by rule, a connect time-out, a stall watchdog, resumption by Range and
 * If-Range (RFC 9110, sections 13.1.5 and 14). Every failure is a SourceError.
 */
import { NotModifiedError, SourceError } from "../distfile/errors.ts";
import { abortable } from "../lib/abort.ts";
import { codeOf, reasonOf } from "../lib/error-reason.ts";
import { lastModifiedOf } from "../lib/http-date.ts";
import type { Semaphore } from "../lib/semaphore.ts";
import { shown } from "../lib/text.ts";
import { maskCredentials } from "../lib/url.ts";
import type { BodyTurns } from "./body-turns.ts";
import { contentLength, type Range, rangeHeader, responseRange } from "./content-range.ts";
import { type HostGate, retryAfterMs } from "./host-gate.ts";
import { type PinAddress, tryConnect } from "./pinned-address.ts";
import { isUnreadable, type RawHosts, type RawRequest, sendRaw } from "./raw-request.ts";
import {
  createCookieJar,
  firstLocation,
  isFetchable,
  isRedirect,
  MAX_REDIRECTS,
  MAX_REPEATS,
  parseUrl,
  requestPath,
  resolveReference,
} from "./redirect.ts";
import { createStallWatchdog, type TransferWatch } from "./stall-watchdog.ts";

export interface UpstreamSettings {
  /** From the start to a connection. */
  readonly connectTimeoutMs: number;
  /** From one byte to the next, and from the connection to the headers. */
  readonly stallTimeoutMs: number;
  readonly userAgent: string;
  /** Returns the URL of the proxy for a URL; empty for none. */
  readonly proxyFor: (url: URL) => string;
  /** Whether URLs that nobody configured may lead to loopback, private and link-local addresses. */
  readonly privateNetworks: boolean;
  readonly pinAddress: PinAddress;
  readonly hostGate: HostGate;
  readonly rawHosts: RawHosts;
  /** Opens the turns of a body, in which its pieces are taken. */
  readonly enterBody: () => BodyTurns;
  /** Slots for transfers of files: the platform sends no more than 256 requests at once, and others must get through. */
  readonly slots: Semaphore;
}

export interface UpstreamRequest extends Range {
  readonly method: "GET" | "HEAD";
  readonly url: string;
  /** A configured origin, whose address is not checked. */
  readonly trustedOrigin: string | undefined;
  /** Strong ETag, or Last-Modified, of the file that is to be continued. */
  readonly validator?: string | undefined;
  /** Conditional headers, for a request without a range: the response may be 304. */
  readonly conditions?: Readonly<Record<string, string>> | undefined;
  /** Size of the file, where a hash tells in the end whether the body was it: then the status decides as little as for wget. */
  readonly size?: number | undefined;
  /** Counts a redirect of the download that this request belongs to. Returns whether it may be followed. */
  readonly mayRedirect?: () => boolean;
}

export interface UpstreamResponse {
  /** Whether the response is a range (206) and not the whole file. */
  readonly partial: boolean;
  /** Where the body starts in the file; 0 when the source ignored the range. */
  readonly offset: number;
  /** Size of the whole file, if the source sends it. */
  readonly total: number | undefined;
  /** A strong ETag, the only kind that allows resumption. */
  readonly etag: string | undefined;
  /** Milliseconds since the epoch. */
  readonly lastModifiedAt: number | undefined;
  readonly contentType: string;
  /** All header fields. */
  readonly fields: Headers;
  readonly contentEncoding: string;
  /** Whether the body has a length or chunks, so that a cut does not look like its end. */
  readonly delimited: boolean;
  /** Returns the next piece, undefined at the end. @throws {SourceError} */
  read(): Promise<Uint8Array | undefined>;
  /** Ends the exchange before the end of the body. */
  close(): void;
}

/** `Via` and `CDN-Loop`, by which a request that comes back is recognised (RFC 9110 section 7.6.3, RFC 8586). */
type LoopHeaders = Readonly<Record<string, string>>;

/** Sends requests upstream on behalf of one request to this server, with that one's loop headers. */
export interface UpstreamClient {
  /**
   * Sends the request, and resolves once the headers of a usable response are there.
   * @param signal aborts the exchange; its reason is what read() throws
   * @throws {SourceError}
   * @throws {NotModifiedError} on 304, if the request has conditions
   */
  send(request: UpstreamRequest, signal?: AbortSignal): Promise<UpstreamResponse>;
  /** Slots for transfers of files, shared by all clients. */
  readonly slots: Semaphore;
}

const MAX_DRAIN_BYTES = 16 * 1024;
const MAX_DRAIN_MS = 2_000;

interface Exchange {
  /** HOST:PORT that was asked. */
  readonly host: string;
  readonly response: Response;
  readonly controller: AbortController;
  /** Stops listening to the caller's signal. */
  readonly end: () => void;
}

function asSourceError(error: unknown, prefix = ""): SourceError {
  if (error instanceof SourceError) return error;
  return new SourceError("failed", `${prefix}${maskCredentials(reasonOf(error))}`, { cause: error });
}

/** @param host of the URL as it was before its host name was replaced by an address */
async function sendTo(url: URL, host: string, rawHosts: RawHosts, request: RawRequest): Promise<Response> {
  const { method, headers, signal, serverName, proxy } = request;
  const path = requestPath(url);
  if (!isFetchable(url) || rawHosts.has(host)) return await sendRaw(url, path, request);
  try {
    return await fetch(url, {
      method,
      headers,
      signal,
      redirect: "manual",
      // Otherwise Bun unpacks a body with Content-Encoding, and a .gz would be stored unpacked.
      decompress: false,
      timeout: false,
      ...(serverName === undefined ? {} : { tls: { serverName } }),
      ...(proxy === "" ? {} : { proxy }),
    });
  } catch (error) {
    if (!isUnreadable(error)) throw error;
    rawHosts.add(host);
    return await sendRaw(url, path, request);
  }
}

async function sendOnce(
  request: UpstreamRequest,
  target: URL,
  cookie: string | undefined,
  settings: UpstreamSettings,
  loopHeaders: LoopHeaders,
  signal: AbortSignal,
): Promise<Exchange> {
  const proxy = settings.proxyFor(target);
  const anyAddress = settings.privateNetworks || proxy !== "" || target.origin === request.trustedOrigin;
  const range = rangeHeader(request);
  const pinned = anyAddress ? undefined : await settings.pinAddress(target);
  const controller = new AbortController();
  const onAbort = () => controller.abort(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  if (signal.aborted) onAbort();
  // fetch() does not report when it is connected. Halfway through the connect time-out a second connection is tried: if that one
  // is accepted, the source is up and only slow to answer.
  let answered = false;
  const probe = setTimeout(async () => {
    if (proxy !== "") return;
    const connection = await tryConnect(pinned?.url ?? target.href, settings.connectTimeoutMs / 2);
    // fetch() reports a refusal itself.
    if (connection !== "silent" || answered) return;
    controller.abort(new SourceError("timeout", `no connection within ${settings.connectTimeoutMs / 1000} s`));
  }, settings.connectTimeoutMs / 2);
  const stall = setTimeout(() => {
    controller.abort(new SourceError("timeout", `no answer within ${settings.stallTimeoutMs / 1000} s`));
  }, settings.stallTimeoutMs);
  try {
    const response = await sendTo(new URL(pinned?.url ?? target.href), target.host, settings.rawHosts, {
      method: request.method,
      signal: controller.signal,
      headers: {
        "accept-encoding": "identity",
        "user-agent": settings.userAgent,
        ...loopHeaders,
        ...request.conditions,
        ...(pinned ? { host: pinned.host } : {}),
        ...(range === undefined ? {} : { range }),
        ...(request.offset > 0 && request.validator !== undefined ? { "if-range": request.validator } : {}),
        ...(cookie === undefined ? {} : { cookie }),
      },
      serverName: pinned && target.protocol === "https:" ? pinned.serverName : undefined,
      proxy,
    });
    return { host: target.host, response, controller, end: () => signal.removeEventListener("abort", onAbort) };
  } catch (error) {
    signal.removeEventListener("abort", onAbort);
    throw asSourceError(controller.signal.aborted ? controller.signal.reason : error);
  } finally {
    answered = true;
    clearTimeout(probe);
    clearTimeout(stall);
  }
}

/** A longer header field of a response counts as not sent. */
export const MAX_FIELD_CHARACTERS = 8 * 1024;
/** Of a response with more header fields, those beyond count as not sent. */
export const MAX_FIELDS = 100;

/** Returns the header fields without those that nobody should have to read: the platform accepts megabytes of them. */
function boundedFields(headers: Headers): Headers {
  const bounded = new Headers();
  let count = 0;
  for (const [name, value] of headers) {
    if (value.length <= MAX_FIELD_CHARACTERS && ++count <= MAX_FIELDS) bounded.append(name, value);
  }
  return bounded;
}

/** Reads the rest of an unwanted body, if it is short, so that the connection can be used again. */
async function drain({ response, controller, end }: Exchange): Promise<void> {
  const timer = setTimeout(() => controller.abort(), MAX_DRAIN_MS);
  try {
    let left = MAX_DRAIN_BYTES;
    for await (const bytes of response.body ?? []) {
      left -= bytes.length;
      if (left < 0) break;
    }
    if (left < 0) controller.abort();
  } catch {
    // The connection is gone.
  } finally {
    clearTimeout(timer);
    end();
  }
}

/** Sends the request unless its host asked to wait, and notes whether it does now. */
async function sendGated(
  request: UpstreamRequest,
  target: URL,
  cookie: string | undefined,
  settings: UpstreamSettings,
  loopHeaders: LoopHeaders,
  signal: AbortSignal,
): Promise<Exchange> {
  const { hostGate } = settings;
  const leave = await abortable(hostGate.enter(target.host), signal, (late) => late(false));
  let answered = false;
  try {
    const exchange = await sendOnce(request, target, cookie, settings, loopHeaders, signal);
    answered = true;
    const waitMs = retryAfterMs(exchange.response, Date.now());
    // That of a redirect is about the host it leads to, which gets no request before (RFC 9110, section 10.2.3).
    if (waitMs !== undefined && !isRedirect(exchange.response)) hostGate.wait(target.host, Date.now() + waitMs);
    return exchange;
  } finally {
    leave(answered);
  }
}

/** Returns where a redirect leads. @throws {SourceError} where it leads nowhere */
function redirectTarget({ status, headers }: Response, target: URL): URL {
  const location = firstLocation(headers.get("location") ?? "");
  if (location === "") {
    throw new SourceError("failed", `answered ${status} without Location`, { status });
  }
  if (location.length > MAX_FIELD_CHARACTERS)
    throw new SourceError("bad", `redirects to a URL of ${location.length} characters`);
  const next = resolveReference(location, target);
  if (!next)
    throw new SourceError("failed", `redirects to an invalid URL (${shown(maskCredentials(location))})`, { status });
  if (next.protocol !== "http:" && next.protocol !== "https:") {
    throw new SourceError("bad", `redirects to ${shown(next.protocol)}, only http and https are followed`);
  }
  return next;
}

async function followRedirects(
  request: UpstreamRequest,
  settings: UpstreamSettings,
  loopHeaders: LoopHeaders,
  signal: AbortSignal,
): Promise<Exchange> {
  let target = parseUrl(request.url);
  const jar = createCookieJar();
  const seen = new Map<string, number>();
  for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
    const cookie = jar.headerFor(target);
    const exchange = await sendGated(request, target, cookie, settings, loopHeaders, signal);
    const { response } = exchange;
    if (!isRedirect(response)) return exchange;
    void drain(exchange);
    if (request.mayRedirect?.() === false) throw new SourceError("failed", "redirects once too often for one download");
    const asked = `${target.href} ${cookie}`;
    seen.set(asked, (seen.get(asked) ?? 0) + 1);
    jar.store(target, response.headers);
    target = redirectTarget(response, target);
    const waitMs = retryAfterMs(response, Date.now());
    if (waitMs !== undefined) settings.hostGate.wait(target.host, Date.now() + waitMs);
    if (seen.get(`${target.href} ${jar.headerFor(target)}`) === MAX_REPEATS) {
      throw new SourceError("failed", "redirects in a loop", { status: response.status });
    }
  }
  throw new SourceError("failed", `redirects more than ${MAX_REDIRECTS} times`);
}

/** What is coded otherwise than in chunks is not the file. @throws {SourceError} */
function checkTransferCoding(headers: Headers): void {
  const coding = headers.get("transfer-encoding") ?? "";
  if (coding.split(",").every((one) => ["", "chunked", "identity"].includes(one.trim().toLowerCase()))) return;
  throw new SourceError("bad", `answers with Transfer-Encoding ${shown(coding)} although none was accepted`);
}

/** @param onUnreadable called where the body is none to the platform, or may be cut off where its last chunk should be */
function bodyReader(
  exchange: Exchange,
  turns: BodyTurns,
  watchdog: TransferWatch,
  onUnreadable: () => void,
): UpstreamResponse["read"] {
  const isChunked = exchange.response.headers.has("transfer-encoding");
  const reader = exchange.response.body?.getReader();
  const { signal } = exchange.controller;
  if (!reader) return async () => undefined;
  return async () => {
    const turn = turns.next();
    if (turn !== undefined) await turn;
    watchdog.setWaiting(true);
    try {
      // An abort usually ends the platform's read; if it does not, the wait ends all the same.
      const { done, value } = await abortable(reader.read(), signal);
      if (done) watchdog.stop();
      else watchdog.received(value.length);
      return done ? undefined : value;
    } catch (error) {
      watchdog.stop();
      if (isUnreadable(error) || (isChunked && codeOf(error) === "ECONNRESET")) onUnreadable();
      throw asSourceError(signal.aborted ? signal.reason : error, "broke off: ");
    } finally {
      watchdog.setWaiting(false);
    }
  };
}

async function send(
  request: UpstreamRequest,
  settings: UpstreamSettings,
  loopHeaders: LoopHeaders,
  signal: AbortSignal,
): Promise<UpstreamResponse> {
  const exchange = await followRedirects(request, settings, loopHeaders, signal);
  const { response, controller } = exchange;
  const headers = boundedFields(response.headers);
  if (response.status === 304 && Object.keys(request.conditions ?? {}).length > 0) {
    void drain(exchange);
    throw new NotModifiedError(maskCredentials(request.url), headers);
  }
  try {
    checkTransferCoding(headers);
    const { offset, total } = responseRange(response.status, headers, request);
    const etag = headers.get("etag");
    const watchdog = createStallWatchdog(settings.stallTimeoutMs, () => {
      controller.abort(new SourceError("timeout", `stalled for ${settings.stallTimeoutMs / 1000} s`));
    });
    const turns = settings.enterBody();
    return {
      partial: response.status === 206,
      offset,
      total,
      etag: etag !== null && /^"[^"]*"$/.test(etag) ? etag : undefined,
      lastModifiedAt: lastModifiedOf(headers, Date.now()),
      fields: headers,
      contentType: headers.get("content-type") ?? "",
      contentEncoding: headers.get("content-encoding") ?? "",
      delimited: contentLength(headers) !== undefined || headers.has("transfer-encoding"),
      read: bodyReader(exchange, turns, watchdog, () => settings.rawHosts.add(exchange.host)),
      close() {
        watchdog.stop();
        turns.leave();
        exchange.end();
        controller.abort();
      },
    };
  } catch (error) {
    void drain(exchange);
    throw asSourceError(error);
  }
}

export function createUpstreamClient(settings: UpstreamSettings, loopHeaders: LoopHeaders): UpstreamClient {
  return {
    send: (request, signal = new AbortController().signal) => send(request, settings, loopHeaders, signal),
    slots: settings.slots,
  };
}
