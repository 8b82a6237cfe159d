/**
 * One GET (or HEAD) at one source: identity encoding, redirects by rule, a connect time-out, a stall watchdog,
 * resumption by Range and If-Range (RFC 9110, sections 13.1.5, 14), and every way it can fail as a SourceError.
 */
import { NotModifiedError, SourceError } from "../distfile/errors.ts";
import { unlessStopped } from "../lib/abort.ts";
import { reasonOf } from "../lib/error-reason.ts";
import type { Semaphore } from "../lib/semaphore.ts";
import { maskCredentials } from "../lib/url.ts";
import { parseHttpDate } from "./http-date.ts";
import type { Pin, PinnedUrl } from "./pinned-address.ts";
import { tryConnect } from "./probe.ts";
import { lengthOf, placeOf, type Range, rangeOf } from "./range.ts";
import type { Window } from "./stall-watchdog.ts";
import { createWatchdog } from "./watchdog.ts";

export interface UpstreamSettings {
  /** From the start to a connection. */
  readonly connectTimeoutMs: number;
  /** From one byte to the next, and from the connection to the headers. */
  readonly stallTimeoutMs: number;
  readonly userAgent: string;
  /** Proxy's URL; empty for none. */
  readonly proxy: string;
  /** Whether URLs that nobody configured may lead to loopback, private and link-local addresses. */
  readonly privateNetworks: boolean;
  readonly pin: Pin;
  /** Places for transfers of files: the platform makes no more than 256 requests at once, and others have to get through. */
  readonly slots: Semaphore;
}

export interface UpstreamRequest extends Range {
  readonly method: "GET" | "HEAD";
  readonly url: string;
  /** Trusted by being configured: this origin is not checked for its address. */
  readonly trustedOrigin: string | undefined;
  /** Strong ETag, or Last-Modified, of the file that the rest must belong to. */
  readonly validator?: string | undefined;
  /** Under which 304 is an answer; with no range. */
  readonly conditions?: Readonly<Record<string, string>> | undefined;
}

export interface UpstreamResponse {
  /** Whether it is a range (206) and not the whole file. */
  readonly partial: boolean;
  /** First byte of the body within the file; 0 where the source ignored the range. */
  readonly offset: number;
  /** Size of the whole file where the source tells. */
  readonly total: number | undefined;
  /** A strong ETag, the only kind that a resumption may rest on. */
  readonly etag: string | undefined;
  /** Milliseconds since the epoch. */
  readonly lastModifiedAt: number | undefined;
  readonly contentType: string;
  /** All header fields. */
  readonly fields: Headers;
  readonly contentEncoding: string;
  /** Whether the end of the body can be told from a break: by length or by chunks. */
  readonly delimited: boolean;
  /** The next piece, undefined at the end. @throws {SourceError} */
  read(): Promise<Uint8Array | undefined>;
  /** Ends the exchange where the body was not read to its end. */
  close(): void;
}

/** `Via` and `CDN-Loop`, by which a request that comes back is recognised (RFC 9110 section 7.6.3, RFC 8586). */
type LoopHeaders = Readonly<Record<string, string>>;

/** Sends requests upstream on behalf of one request to this server, and with its loop headers. */
export interface UpstreamClient {
  /**
   * Sends the request, and returns once the headers of a usable response are there.
   * @param stop aborts the exchange; its reason is what read() throws
   * @throws {SourceError}
   * @throws {NotModifiedError} under the conditions of the request
   */
  send(request: UpstreamRequest, stop?: AbortSignal): Promise<UpstreamResponse>;
  /** Slots for transfers of files, shared by all clients. */
  readonly slots: Semaphore;
}

const MAX_REDIRECTS = 10;
const DISMISS_BYTES = 16 * 1024;
const DISMISS_MS = 2_000;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);

interface Exchange {
  readonly response: Response;
  readonly controller: AbortController;
  /** Stops listening for the stop signal. */
  readonly end: () => void;
}

function asSourceError(error: unknown, when = ""): SourceError {
  if (error instanceof SourceError) return error;
  return new SourceError("failed", `${when}${maskCredentials(reasonOf(error))}`, { cause: error });
}

async function sendOnce(
  request: UpstreamRequest,
  target: URL,
  settings: UpstreamSettings,
  loopHeaders: LoopHeaders,
  stop: AbortSignal,
): Promise<Exchange> {
  const free = settings.privateNetworks || settings.proxy !== "" || target.origin === request.trustedOrigin;
  const range = rangeOf(request);
  const pinned: PinnedUrl | undefined = free ? undefined : await settings.pin(target);
  const controller = new AbortController();
  const onStop = () => controller.abort(stop.reason);
  stop.addEventListener("abort", onStop, { once: true });
  if (stop.aborted) onStop();
  // fetch() does not tell when the connection stands. Halfway through the connect time-out a second connection is
  // tried beside it: where that stands, the source is up and only slow to answer.
  let answered = false;
  const probe = setTimeout(async () => {
    if (settings.proxy !== "") return;
    // A refusal is an answer, which fetch() reports itself.
    const connection = await tryConnect(pinned?.url ?? target.href, settings.connectTimeoutMs / 2);
    if (connection !== "silent" || answered) return;
    controller.abort(new SourceError("timeout", `no connection within ${settings.connectTimeoutMs / 1000} s`));
  }, settings.connectTimeoutMs / 2);
  const stall = setTimeout(() => {
    controller.abort(new SourceError("timeout", `no answer within ${settings.stallTimeoutMs / 1000} s`));
  }, settings.stallTimeoutMs);
  try {
    const response = await fetch(pinned?.url ?? target.href, {
      method: request.method,
      redirect: "manual",
      // Without this Bun unpacks what it was told is packed, and a .gz would be stored unpacked.
      decompress: false,
      timeout: false,
      signal: controller.signal,
      headers: {
        "accept-encoding": "identity",
        "user-agent": settings.userAgent,
        ...loopHeaders,
        ...request.conditions,
        ...(pinned ? { host: pinned.host } : {}),
        ...(range === undefined ? {} : { range }),
        ...(request.offset > 0 && request.validator !== undefined ? { "if-range": request.validator } : {}),
      },
      ...(pinned && target.protocol === "https:" ? { tls: { serverName: pinned.serverName } } : {}),
      ...(settings.proxy === "" ? {} : { proxy: settings.proxy }),
    });
    return { response, controller, end: () => stop.removeEventListener("abort", onStop) };
  } catch (error) {
    stop.removeEventListener("abort", onStop);
    throw asSourceError(controller.signal.aborted ? controller.signal.reason : error);
  } finally {
    answered = true;
    clearTimeout(probe);
    clearTimeout(stall);
  }
}

/** What is left of a body that is not wanted is read, where it is short, so that the connection lives on. */
async function dismiss({ response, controller, end }: Exchange): Promise<void> {
  const timer = setTimeout(() => controller.abort(), DISMISS_MS);
  try {
    let left = DISMISS_BYTES;
    for await (const bytes of response.body ?? []) {
      left -= bytes.length;
      if (left < 0) break;
    }
    if (left < 0) controller.abort();
  } catch {
    // Then it is gone.
  } finally {
    clearTimeout(timer);
    end();
  }
}

async function follow(
  request: UpstreamRequest,
  settings: UpstreamSettings,
  loopHeaders: LoopHeaders,
  stop: AbortSignal,
): Promise<Exchange> {
  let target = new URL(request.url);
  for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
    const exchange = await sendOnce(request, target, settings, loopHeaders, stop);
    if (!REDIRECTS.has(exchange.response.status)) return exchange;
    void dismiss(exchange);
    const location = exchange.response.headers.get("location") ?? "";
    if (!URL.canParse(location, target.href)) throw new SourceError("failed", `redirects to nowhere (${location})`);
    target = new URL(location, target.href);
    if (target.protocol !== "http:" && target.protocol !== "https:") {
      throw new SourceError("bad", `redirects to ${target.protocol}, only http and https are followed`);
    }
  }
  throw new SourceError("failed", `redirects more than ${MAX_REDIRECTS} times`);
}

function bodyReader(exchange: Exchange, watchdog: Window): UpstreamResponse["read"] {
  const reader = exchange.response.body?.getReader();
  return async () => {
    if (!reader) return undefined;
    watchdog.waiting(true);
    try {
      // An abort ends the platform's read as a rule; where it does not, the wait ends all the same.
      const { done, value } = await unlessStopped(reader.read(), exchange.controller.signal);
      if (done) watchdog.stop();
      else watchdog.fed(value.length);
      return done ? undefined : value;
    } catch (error) {
      watchdog.stop();
      const { signal } = exchange.controller;
      throw asSourceError(signal.aborted ? signal.reason : error, "broke off: ");
    } finally {
      watchdog.waiting(false);
    }
  };
}

async function send(
  request: UpstreamRequest,
  settings: UpstreamSettings,
  loopHeaders: LoopHeaders,
  stop: AbortSignal,
): Promise<UpstreamResponse> {
  const exchange = await follow(request, settings, loopHeaders, stop);
  const { response, controller } = exchange;
  if (response.status === 304 && Object.keys(request.conditions ?? {}).length > 0) {
    void dismiss(exchange);
    throw new NotModifiedError(maskCredentials(request.url), response.headers);
  }
  try {
    const { offset, total } = placeOf(response, request);
    const etag = response.headers.get("etag");
    const watchdog = createWatchdog(settings.stallTimeoutMs, () => {
      controller.abort(new SourceError("timeout", `stalled for ${settings.stallTimeoutMs / 1000} s`));
    });
    return {
      partial: response.status === 206,
      offset,
      total,
      etag: etag !== null && /^"[^"]*"$/.test(etag) ? etag : undefined,
      lastModifiedAt: parseHttpDate(response.headers.get("last-modified"), Date.now()),
      fields: response.headers,
      contentType: response.headers.get("content-type") ?? "",
      contentEncoding: response.headers.get("content-encoding") ?? "",
      delimited: lengthOf(response) !== undefined || response.headers.has("transfer-encoding"),
      read: bodyReader(exchange, watchdog),
      close() {
        watchdog.stop();
        exchange.end();
        controller.abort();
      },
    };
  } catch (error) {
    void dismiss(exchange);
    throw asSourceError(error);
  }
}

export function createUpstreamClient(settings: UpstreamSettings, loopHeaders: LoopHeaders): UpstreamClient {
  return {
    send: (request, stop = new AbortController().signal) => send(request, settings, loopHeaders, stop),
    slots: settings.slots,
  };
}
