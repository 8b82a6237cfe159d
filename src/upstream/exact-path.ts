/**
 * Sends a request whose path begins with several slashes, as `mirror://goproxy//m.org/x` has it: the platform's fetch() would make
 * one of them. Its node:http keeps what it is given.
 */
import http from "node:http";
import https from "node:https";

export interface ExactRequest {
  readonly method: "GET" | "HEAD";
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  /** Name in the certificate, where the URL has an address. */
  readonly serverName: string | undefined;
  /** URL of the proxy; empty for none. */
  readonly proxy: string;
}

/** Returns whether fetch() would ask for another path. Through a proxy nothing else speaks TLS to the server. */
export function needsExactPath({ pathname, protocol }: URL, proxy: string): boolean {
  return pathname.startsWith("//") && (proxy === "" || protocol === "http:");
}

function authorization({ username, password }: URL): string | undefined {
  if (username === "" && password === "") return undefined;
  return `Basic ${Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString("base64")}`;
}

function headersFor(url: URL, proxy: URL | undefined, given: ExactRequest["headers"]): Record<string, string> {
  const credentials = authorization(url);
  const proxyCredentials = proxy && authorization(proxy);
  return {
    host: url.host,
    accept: "*/*",
    connection: "keep-alive",
    ...(credentials === undefined ? {} : { authorization: credentials }),
    ...(proxyCredentials === undefined ? {} : { "proxy-authorization": proxyCredentials }),
    ...given,
  };
}

function asResponse(message: http.IncomingMessage, method: ExactRequest["method"]): Response {
  const headers = new Headers();
  const { rawHeaders, statusCode: status = 502 } = message;
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) headers.append(rawHeaders[i] ?? "", rawHeaders[i + 1] ?? "");
  const isBodyless = method === "HEAD" || [204, 205, 304].includes(status);
  if (isBodyless) message.resume();
  return new Response(isBodyless ? null : bodyOf(message), { status, headers });
}

/** A body that ends before its length is an error. */
function bodyOf(message: http.IncomingMessage): ReadableStream<Uint8Array> {
  const pieces: AsyncIterator<Uint8Array> = message[Symbol.asyncIterator]();
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { done, value } = await pieces.next();
      if (!done) controller.enqueue(value);
      else if (message.complete) controller.close();
      else controller.error(Object.assign(new Error("connection reset"), { code: "ECONNRESET" }));
    },
    cancel() {
      message.destroy();
    },
  });
}

/** @throws errors of the connection, and the signal's reason */
export function sendExactPath(
  url: URL,
  { method, headers, signal, serverName, proxy }: ExactRequest,
): Promise<Response> {
  const via = proxy === "" ? undefined : new URL(proxy);
  const path = `${url.pathname}${url.search}`;
  const { hostname, port, protocol } = via ?? url;
  const { promise, resolve, reject } = Promise.withResolvers<Response>();
  const request = (protocol === "https:" ? https : http).request({
    host: hostname.replace(/^\[(.*)\]$/, "$1"),
    port: port === "" ? (protocol === "https:" ? 443 : 80) : Number(port),
    path: via ? `${url.protocol}//${url.host}${path}` : path,
    method,
    headers: headersFor(url, via, headers),
    signal,
    ...(serverName === undefined ? {} : { servername: serverName }),
  });
  request.once("response", (message) => resolve(asResponse(message, method)));
  request.once("error", (error) => reject(signal.aborted ? signal.reason : error));
  request.end();
  return promise;
}
