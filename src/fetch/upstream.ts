/**
 * One GET (or HEAD) at one source: identity encoding, redirects by rule, a connect time-out, a stall watchdog,
 * resumption by Range and If-Range (RFC 9110, sections 13.1.5, 14), and every way it can fail as a SourceError.
 */
import { SourceError } from "../distfile/errors.ts";
import { maskCredentials } from "../lib/url.ts";
import { parseContentRange } from "./content-range.ts";
import { parseHttpDate } from "./http-date.ts";
import type { Pin, PinnedUrl } from "./pin.ts";
import { tryConnect } from "./probe.ts";
import { createWatchdog } from "./watchdog.ts";
import type { Window } from "./window.ts";

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
}

export interface UpstreamRequest {
  readonly method: "GET" | "HEAD";
  readonly url: string;
  /** Trusted by being configured: this origin is not checked for its address. */
  readonly trustedOrigin: string | undefined;
  /** Bytes already had: the rest is asked for. */
  readonly offset: number;
  /** Strong ETag that the rest must belong to. */
  readonly validator: string | undefined;
  /** `Via` and `CDN-Loop`, so that a request that comes back is known (RFC 9110 7.6.3, RFC 8586). */
  readonly loopHeaders: Readonly<Record<string, string>>;
}

export interface UpstreamResponse {
  /** First byte of the body within the file; 0 where the source ignored the range. */
  readonly offset: number;
  /** Size of the whole file where the source tells. */
  readonly total: number | undefined;
  /** A strong ETag, the only kind that a resumption may rest on. */
  readonly etag: string | undefined;
  /** Milliseconds since the epoch. */
  readonly lastModifiedAt: number | undefined;
  readonly contentType: string;
  readonly contentEncoding: string;
  /** Whether the end of the body can be told from a break: by length or by chunks. */
  readonly delimited: boolean;
  /** The next piece, undefined at the end. @throws {SourceError} */
  read(): Promise<Uint8Array | undefined>;
  /** Ends the exchange where the body was not read to its end. */
  close(): void;
}

const MAX_REDIRECTS = 10;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);

interface Exchange {
  readonly response: Response;
  readonly controller: AbortController;
  /** Stops listening for the stop signal. */
  readonly end: () => void;
}

function lengthOf(response: Response): number | undefined {
  const text = response.headers.get("content-length");
  return text !== null && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const message = maskCredentials(error.message);
  return "code" in error ? `${message} (${String(error.code)})` : message;
}

function asSourceError(error: unknown, when: string): SourceError {
  if (error instanceof SourceError) return error;
  return new SourceError("failed", `${when}: ${describe(error)}`, { cause: error });
}

/** What a status means, where it is neither a body nor a redirect. */
function failureOf(status: number, offset: number): SourceError {
  if (status === 404 || status === 410) return new SourceError("absent", `answered ${status}`, { status });
  if (status === 416) return new SourceError("bad", `answered 416, so its file ends before byte ${offset}`, { status });
  return new SourceError("failed", `answered ${status}`, { status });
}

async function sendOnce(
  request: UpstreamRequest,
  target: URL,
  settings: UpstreamSettings,
  stop: AbortSignal,
): Promise<Exchange> {
  const free = settings.privateNetworks || settings.proxy !== "" || target.origin === request.trustedOrigin;
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
        ...request.loopHeaders,
        ...(pinned ? { host: pinned.host } : {}),
        ...(request.offset > 0 ? { range: `bytes=${request.offset}-` } : {}),
        ...(request.offset > 0 && request.validator !== undefined ? { "if-range": request.validator } : {}),
      },
      ...(pinned && target.protocol === "https:" ? { tls: { serverName: pinned.serverName } } : {}),
      ...(settings.proxy === "" ? {} : { proxy: settings.proxy }),
    });
    return { response, controller, end: () => stop.removeEventListener("abort", onStop) };
  } catch (error) {
    stop.removeEventListener("abort", onStop);
    throw asSourceError(controller.signal.aborted ? controller.signal.reason : error, "no answer");
  } finally {
    answered = true;
    clearTimeout(probe);
    clearTimeout(stall);
  }
}

async function follow(request: UpstreamRequest, settings: UpstreamSettings, stop: AbortSignal): Promise<Exchange> {
  let target = new URL(request.url);
  for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
    const exchange = await sendOnce(request, target, settings, stop);
    if (!REDIRECTS.has(exchange.response.status)) return exchange;
    exchange.end();
    exchange.controller.abort();
    const location = exchange.response.headers.get("location") ?? "";
    if (!URL.canParse(location, target.href)) throw new SourceError("failed", `redirects to nowhere (${location})`);
    target = new URL(location, target.href);
    if (target.protocol !== "http:" && target.protocol !== "https:") {
      throw new SourceError("bad", `redirects to ${target.protocol}, only http and https are followed`);
    }
  }
  throw new SourceError("failed", `redirects more than ${MAX_REDIRECTS} times`);
}

/** Where in the file the body begins and how long the file is, by the status line and headers. */
function placeOf(response: Response, request: UpstreamRequest): { offset: number; total: number | undefined } {
  if (response.status === 200) return { offset: 0, total: lengthOf(response) };
  if (response.status !== 206 || request.offset === 0) throw failureOf(response.status, request.offset);
  const range = parseContentRange(response.headers.get("content-range"));
  if (range?.first !== request.offset || (range.total !== undefined && range.last !== range.total - 1)) {
    throw new SourceError("bad", `answers bytes ${request.offset}- with ${response.headers.get("content-range")}`);
  }
  const length = lengthOf(response);
  if (length !== undefined && length !== range.last - range.first + 1) {
    throw new SourceError("bad", `answers a range with a Content-Length of ${length} that contradicts it`);
  }
  return { offset: range.first, total: range.total };
}

function bodyReader(exchange: Exchange, watchdog: Window): UpstreamResponse["read"] {
  const reader = exchange.response.body?.getReader();
  return async () => {
    if (!reader) return undefined;
    watchdog.waiting(true);
    try {
      const { done, value } = await reader.read();
      if (done) watchdog.stop();
      else watchdog.fed(value.length);
      return done ? undefined : value;
    } catch (error) {
      watchdog.stop();
      const { signal } = exchange.controller;
      throw asSourceError(signal.aborted ? signal.reason : error, "broke off");
    } finally {
      watchdog.waiting(false);
    }
  };
}

/**
 * Sends the request and returns once the headers of a usable answer are there.
 * @param stop aborts the exchange; its reason is what read() throws
 * @throws {SourceError}
 */
export async function openUpstream(
  request: UpstreamRequest,
  settings: UpstreamSettings,
  stop: AbortSignal,
): Promise<UpstreamResponse> {
  const exchange = await follow(request, settings, stop);
  const { response, controller } = exchange;
  try {
    const { offset, total } = placeOf(response, request);
    const etag = response.headers.get("etag");
    const watchdog = createWatchdog(settings.stallTimeoutMs, () => {
      controller.abort(new SourceError("timeout", `stalled for ${settings.stallTimeoutMs / 1000} s`));
    });
    return {
      offset,
      total,
      etag: etag !== null && /^"[^"]*"$/.test(etag) ? etag : undefined,
      lastModifiedAt: parseHttpDate(response.headers.get("last-modified"), Date.now()),
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
    exchange.end();
    controller.abort();
    throw asSourceError(error, "unusable answer");
  }
}
