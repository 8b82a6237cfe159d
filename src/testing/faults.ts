/**
 * Lists the faults of mirrors; each changes the plan of an answer before it is sent. Pure; the sockets are in fake-upstream.ts.
 */
import { gzipSync } from "node:zlib";
import { type Content, readContent, resizeContent, sizeOf } from "./content.ts";

/** Where in a body a fault happens: at a position of the file, or after a number of bytes of this answer. */
export interface Position {
  /** Byte of the file; an answer that begins behind it has no fault. */
  readonly at?: number;
  /** Bytes of the body sent before; 0 if neither is given. */
  readonly after?: number;
}

/** Makes one type for each kind. */
type Of<K extends string, More = unknown> = K extends string ? { readonly kind: K } & More : never;

export type Fault = (
  | Of<"reset" | "close" | "stall", Position>
  /** Accepts the request and never answers. */
  | Of<"stall-headers">
  | Of<"latency", { readonly ms: number }>
  /** Limits the rate from the position on. */
  | Of<"rate", Position & { readonly bytesPerSecond: number }>
  | Of<"status", { readonly status: number; readonly headers?: Readonly<Record<string, string>> }>
  /** Answers with an HTML page under status 200, as a captive portal does. */
  | Of<"html">
  | Of<"gzip">
  /** Sends another size, with a Content-Length that fits it. */
  | Of<"longer" | "shorter", { readonly bytes?: number }>
  /** Changes the byte at this position of the file. */
  | Of<"corrupt", { readonly at: number }>
  | Of<"ignore-range">
  /** States another size or start in Content-Range, or sends other bytes. Answers without a range have no fault. */
  | Of<"wrong-total" | "wrong-start" | "garbage">
  | Of<"redirect", { readonly to: string; readonly status?: number }>
  /** Redirects to another URL of the same file each time. */
  | Of<"redirect-loop">
  | Of<"chunked" | "close-delimited">
  | Of<"etag", { readonly etag: "none" | "weak" | "changing" }>
  | Of<"no-last-modified">
  /** Sends the file although the conditions of the request ask for 304. */
  | Of<"unconditional">
  /** Adds or replaces header fields. */
  | Of<"headers", { readonly headers: Readonly<Record<string, string>> }>
  | Of<"no-head">
) & {
  /** Number of requests that it affects; unlimited by default. */
  readonly times?: number;
  /** Affects only requests with a Range, or only those without one. */
  readonly on?: "range" | "whole";
};

export type FaultKind = Fault["kind"];

/** How an answer's end is marked: by Content-Length, by chunks, or by closing the connection. */
export type Framing = "length" | "chunked" | "close";

/** The answer to be sent; faults change it in place. */
export interface Plan {
  readonly method: string;
  readonly path: string;
  status: number;
  headers: Record<string, string>;
  content: Content;
  /** Part of the content that is the body. */
  start: number;
  end: number;
  framing: Framing;
  latencyMs: number;
  silent: boolean;
  /** Position in the content where the body ends badly. */
  cut: { readonly kind: "reset" | "close" | "stall"; readonly position: number } | undefined;
  rate: { readonly position: number; readonly bytesPerSecond: number } | undefined;
  /** Position in the content of the byte that is wrong. */
  corruptAt: number | undefined;
}

/** Replaces the whole answer. */
export function replaceBody(plan: Plan, status: number, type: string, content: Content): void {
  plan.status = status;
  plan.headers = { "Content-Type": type };
  plan.content = content;
  plan.start = 0;
  plan.end = sizeOf(content);
}

/** Returns the position of the fault, or undefined if the answer begins behind it. */
function positionIn(plan: Plan, { at, after }: Position): number | undefined {
  if (at === undefined) return plan.start + (after ?? 0);
  return at >= plan.start ? at : undefined;
}

function isPart(plan: Plan): boolean {
  return plan.status === 206;
}

function setContentRange(plan: Plan, start: number, total: number): void {
  plan.headers["Content-Range"] = `bytes ${start}-${start + (plan.end - plan.start) - 1}/${total}`;
}

function cutOff(plan: Plan, fault: Extract<Fault, { readonly kind: "reset" | "close" | "stall" }>): void {
  const position = positionIn(plan, fault);
  if (position !== undefined) plan.cut = { kind: fault.kind, position };
}

function resize(plan: Plan, by: number): void {
  plan.content = resizeContent(plan.content, sizeOf(plan.content) + by);
  const size = sizeOf(plan.content);
  if (isPart(plan)) {
    plan.end = Math.max(plan.start, Math.min(plan.end, size));
    setContentRange(plan, plan.start, size);
  } else plan.end = size;
}

const WRONG_ETAGS = {
  none: () => undefined,
  weak: (etag: string) => `W/${etag}`,
  changing: () => `"${crypto.randomUUID()}"`,
};

type Change<K extends FaultKind> = (plan: Plan, fault: Extract<Fault, { readonly kind: K }>) => void;

const CHANGES: { readonly [K in FaultKind]: Change<K> } = {
  reset: cutOff,
  close: cutOff,
  stall: cutOff,
  unconditional(plan) {
    if (plan.status !== 304) return;
    plan.status = 200;
    plan.end = sizeOf(plan.content);
  },
  headers: (plan, { headers }) => {
    Object.assign(plan.headers, headers);
  },
  "stall-headers": (plan) => {
    plan.silent = true;
  },
  latency: (plan, { ms }) => {
    plan.latencyMs += ms;
  },
  rate: (plan, fault) => {
    const position = fault.at === undefined ? positionIn(plan, fault) : Math.max(fault.at, plan.start);
    if (position !== undefined) plan.rate = { position, bytesPerSecond: fault.bytesPerSecond };
  },
  status: (plan, { status, headers }) => {
    replaceBody(plan, status, "text/plain", `${status}\n`);
    Object.assign(plan.headers, headers);
  },
  html: (plan) => replaceBody(plan, 200, "text/html", "<!DOCTYPE html>\n<title>Welcome</title>\n<p>Please log in.\n"),
  gzip: (plan) => {
    const headers = plan.headers;
    replaceBody(plan, 200, "application/octet-stream", gzipSync(readContent(plan.content)));
    plan.headers = { ...headers, "Content-Encoding": "gzip" };
    delete plan.headers["Content-Range"];
  },
  longer: (plan, { bytes }) => resize(plan, bytes ?? 1),
  shorter: (plan, { bytes }) => resize(plan, -(bytes ?? 1)),
  corrupt: (plan, { at }) => {
    plan.corruptAt = at;
  },
  "ignore-range": (plan) => {
    if (!isPart(plan) && plan.status !== 416) return;
    plan.status = 200;
    plan.start = 0;
    plan.end = sizeOf(plan.content);
    delete plan.headers["Content-Range"];
  },
  "wrong-total": (plan) => {
    if (isPart(plan)) setContentRange(plan, plan.start, sizeOf(plan.content) + 1);
  },
  "wrong-start": (plan) => {
    if (!isPart(plan)) return;
    plan.start++;
    plan.end = Math.max(plan.start, Math.min(plan.end + 1, sizeOf(plan.content)));
    setContentRange(plan, plan.start, sizeOf(plan.content));
  },
  garbage: (plan) => {
    if (isPart(plan)) plan.content = { size: sizeOf(plan.content), seed: 0x6ba6e };
  },
  redirect: (plan, { to, status }) => {
    replaceBody(plan, status ?? 302, "text/plain", "elsewhere\n");
    plan.headers["Location"] = to;
  },
  "redirect-loop": (plan) => {
    replaceBody(plan, 302, "text/plain", "elsewhere\n");
    plan.headers["Location"] = `${plan.path.split("?")[0]}?${crypto.randomUUID()}`;
  },
  chunked: (plan) => {
    plan.framing = "chunked";
  },
  "close-delimited": (plan) => {
    plan.framing = "close";
  },
  etag: (plan, { etag }) => {
    const wrong = WRONG_ETAGS[etag](plan.headers["ETag"] ?? '""');
    if (wrong === undefined) delete plan.headers["ETag"];
    else plan.headers["ETag"] = wrong;
  },
  "no-last-modified": (plan) => {
    delete plan.headers["Last-Modified"];
  },
  "no-head": (plan) => {
    if (plan.method !== "HEAD") return;
    replaceBody(plan, 405, "text/plain", "GET only\n");
    plan.headers["Allow"] = "GET";
  },
};

/** Changes the plan as the fault demands. */
export function applyFault(plan: Plan, fault: Fault): void {
  // The table pairs each kind with its own fault, which the compiler cannot follow through the look-up.
  const change = CHANGES[fault.kind] as (plan: Plan, fault: Fault) => void;
  change(plan, fault);
}
