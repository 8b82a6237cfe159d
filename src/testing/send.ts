/**
 * Sends a planned answer with its faults over a raw socket, a chunk at a time.
 */
import type { Socket } from "node:net";
import { readContent } from "./content.ts";
import type { Plan } from "./faults.ts";

const CHUNK_BYTES = 256 * 1024;
/** Chunks per second of a rate-limited answer. */
const TICKS_PER_SECOND = 20;
/** RST discards what the kernel has not sent yet; on loopback this is time enough to send it. */
const BEFORE_RESET_MS = 50;

/** Whether the connection can take another request. */
export type Outcome = "keep" | "over";

export interface Sending {
  readonly socket: Socket;
  /** Fires when the connection is gone. */
  readonly gone: AbortSignal;
  onSent(bytes: number): void;
}

function untilGone({ gone }: Sending): Promise<void> {
  return new Promise((resolve) => {
    if (gone.aborted) resolve();
    else gone.addEventListener("abort", () => resolve(), { once: true });
  });
}

async function pause(ms: number, { gone }: Sending): Promise<void> {
  await new Promise<void>((resolve) => {
    const done = () => {
      clearTimeout(timer);
      gone.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    gone.addEventListener("abort", done, { once: true });
  });
}

/** Resolves when the socket accepts more data, or is gone. */
async function write(data: string | Uint8Array, { socket, gone }: Sending): Promise<void> {
  if (gone.aborted || socket.write(data)) return;
  await new Promise<void>((resolve) => {
    const done = () => {
      socket.off("drain", done);
      gone.removeEventListener("abort", done);
      resolve();
    };
    socket.on("drain", done);
    gone.addEventListener("abort", done, { once: true });
  });
}

function headOf(plan: Plan): string {
  const headers: Record<string, string> = { Date: new Date().toUTCString(), ...plan.headers };
  if (plan.framing === "chunked") headers["Transfer-Encoding"] = "chunked";
  else if (plan.framing === "close") headers["Connection"] = "close";
  else if (plan.status !== 304) headers["Content-Length"] = String(plan.end - plan.start);
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${plan.status} Fake\r\n${lines.join("")}\r\n`;
}

function bytesAt(plan: Plan, start: number, end: number): Uint8Array {
  const bytes = readContent(plan.content, start, end);
  const { corruptAt } = plan;
  if (corruptAt === undefined || corruptAt < start || corruptAt >= end) return bytes;
  const corrupt = new Uint8Array(bytes);
  corrupt[corruptAt - start] = (corrupt[corruptAt - start] ?? 0) ^ 0xff;
  return corrupt;
}

/** End of the next chunk; bodies are cut exactly where faults say. */
function nextEnd({ rate }: Plan, at: number, stop: number): number {
  if (rate && at < rate.position) return Math.min(at + CHUNK_BYTES, rate.position, stop);
  const most = rate ? Math.max(1, Math.floor(rate.bytesPerSecond / TICKS_PER_SECOND)) : CHUNK_BYTES;
  return Math.min(at + most, stop);
}

async function sendBody(plan: Plan, stop: number, sending: Sending): Promise<void> {
  for (let at = plan.start; at < stop && !sending.gone.aborted; ) {
    const end = nextEnd(plan, at, stop);
    const bytes = bytesAt(plan, at, end);
    if (plan.framing === "chunked") await write(`${bytes.length.toString(16)}\r\n`, sending);
    await write(bytes, sending);
    if (plan.framing === "chunked") await write("\r\n", sending);
    sending.onSent(bytes.length);
    if (plan.rate && at >= plan.rate.position) {
      await pause((1000 * (end - at)) / plan.rate.bytesPerSecond, sending);
    }
    at = end;
  }
}

async function cutOff(kind: "reset" | "close" | "stall", sending: Sending): Promise<void> {
  if (kind === "stall") await untilGone(sending);
  else if (kind === "close") sending.socket.end();
  else {
    await pause(BEFORE_RESET_MS, sending);
    sending.socket.resetAndDestroy();
  }
}

/** Sends the answer, as far as the plan's faults allow. */
export async function sendPlan(plan: Plan, sending: Sending): Promise<Outcome> {
  if (plan.latencyMs > 0) await pause(plan.latencyMs, sending);
  if (plan.silent) {
    await untilGone(sending);
    return "over";
  }
  await write(headOf(plan), sending);
  if (plan.method !== "HEAD") {
    const cut = plan.cut && plan.cut.position < plan.end ? plan.cut : undefined;
    await sendBody(plan, cut?.position ?? plan.end, sending);
    if (cut) {
      await cutOff(cut.kind, sending);
      return "over";
    }
    if (plan.framing === "chunked") await write("0\r\n\r\n", sending);
  }
  if (plan.framing !== "close") return sending.gone.aborted ? "over" : "keep";
  sending.socket.end();
  return "over";
}
