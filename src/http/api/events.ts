/**
 * Serves server-sent events: active downloads every second while they change, the status every other second, and whether there are
 * new requests: those that a watcher wants it asks for. An event is
 * encoded once for all subscribers and contains the whole state, so that a slow subscriber simply misses some.
 */
import type { ApiState } from "../../api/state.ts";
import { createClientLimit } from "../../lib/client-limit.ts";
import { problem, readableJson } from "./problem.ts";

export interface EventsDeps {
  readonly state: Pick<ApiState, "status" | "downloads" | "latestRequest">;
  readonly onError: (error: unknown) => void;
}

export interface Events {
  /** Returns the answer to who can't subscribe now: 503 if there are too many, in all or for this client, or the server is shutting down. */
  refuse(client: string): Response | undefined;
  /** Returns the stream, or that answer. */
  subscribe(signal: AbortSignal, client: string): Response;
  readonly subscribers: number;
  /** Ends all streams and rejects new ones. */
  close(): void;
}

const TICK_MS = 1_000;
const STATUS_EVERY_TICKS = 2;
/** Proxies and browsers close silent connections. */
const HEARTBEAT_TICKS = 15;
const MAX_SUBSCRIBERS = 1_000;
/** Streams of one address, so that nobody locks others out; it may be a proxy with many watchers behind it. */
const MAX_SUBSCRIBERS_PER_CLIENT = 100;
/** Buffer of one subscriber: a few events. */
const MAX_BUFFERED_BYTES = 256 * 1024;
const MAX_BEHIND_TICKS = 60;
/** For so long they are the same for all new subscribers, hundreds of whom may come at once. */
const FIRST_EVENTS_MS = 50;

const HEADERS = {
  "content-type": "text/event-stream",
  "cache-control": "no-store",
  "x-content-type-options": "nosniff",
  "cross-origin-resource-policy": "same-origin",
  // Keeps nginx from buffering the events.
  "x-accel-buffering": "no",
};

interface FirstEvents {
  /** By performance.now(). */
  readonly madeAt: number;
  readonly events: readonly Uint8Array[];
}

interface Subscriber {
  readonly controller: ReadableStreamDefaultController<Uint8Array>;
  /** Gives the client's place back. */
  readonly release: () => void;
  behindTicks: number;
}

const encoder = new TextEncoder();

function event(name: string, data: unknown): Uint8Array {
  return encoder.encode(`event: ${name}\ndata: ${readableJson(data)}\n\n`);
}

const HEARTBEAT = encoder.encode(": alive\n\n");

export function createEvents({ state, onError }: EventsDeps): Events {
  const subscribers = new Set<Subscriber>();
  const limit = createClientLimit(MAX_SUBSCRIBERS, MAX_SUBSCRIBERS_PER_CLIENT);
  let timer: NodeJS.Timeout | undefined;
  let ticks = 0;
  let silentTicks = 0;
  let lastDownloads = "";
  let lastRequest: string | null = null;
  let closed = false;
  let first: FirstEvents = { madeAt: Number.NEGATIVE_INFINITY, events: [] };

  function leave(subscriber: Subscriber): void {
    subscribers.delete(subscriber);
    subscriber.release();
    if (subscribers.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  }

  function end(subscriber: Subscriber): void {
    leave(subscriber);
    try {
      subscriber.controller.close();
    } catch {
      // Already closed by the client.
    }
  }

  function send(subscriber: Subscriber, bytes: Uint8Array): void {
    if ((subscriber.controller.desiredSize ?? 0) > 0) {
      subscriber.behindTicks = 0;
      subscriber.controller.enqueue(bytes);
    } else if (++subscriber.behindTicks > MAX_BEHIND_TICKS) end(subscriber);
  }

  function sendAll(bytes: Uint8Array): void {
    silentTicks = 0;
    for (const subscriber of [...subscribers]) send(subscriber, bytes);
  }

  function tick(): void {
    try {
      ticks++;
      silentTicks++;
      const downloads = state.downloads();
      const serialized = JSON.stringify(downloads.downloads);
      if (serialized !== lastDownloads) sendAll(event("downloads", downloads));
      lastDownloads = serialized;
      const latest = state.latestRequest();
      if (latest !== lastRequest) sendAll(event("requests", { latest }));
      lastRequest = latest;
      if (ticks % STATUS_EVERY_TICKS === 0) sendAll(event("status", state.status()));
      if (silentTicks >= HEARTBEAT_TICKS) sendAll(HEARTBEAT);
    } catch (error) {
      // The next tick tries again; a page that receives nothing polls the status.
      onError(error);
    }
  }

  function tooMany(): Response {
    const most = `${MAX_SUBSCRIBERS} subscribers, ${MAX_SUBSCRIBERS_PER_CLIENT} from one address`;
    return problem(503, `Too many event streams are open. At most: ${most}.`, { "retry-after": "60" });
  }

  /** What a new subscriber gets at once. */
  function firstEvents(): readonly Uint8Array[] {
    const now = performance.now();
    if (now - first.madeAt > FIRST_EVENTS_MS)
      first = { madeAt: now, events: [event("status", state.status()), event("downloads", state.downloads())] };
    return first.events;
  }

  function refuse(client: string): Response | undefined {
    if (closed) return problem(503, "The server is shutting down.", { "retry-after": "5" });
    return limit.hasRoom(client) ? undefined : tooMany();
  }

  return {
    refuse,
    subscribe(signal, client) {
      const release = closed ? undefined : limit.enter(client);
      if (!release) return refuse(client) ?? tooMany();
      const events = firstEvents();
      let subscriber: Subscriber | undefined;
      const onLeave = () => subscriber && leave(subscriber);
      const stream = new ReadableStream<Uint8Array>(
        {
          start(controller) {
            subscriber = { controller, release, behindTicks: 0 };
            subscribers.add(subscriber);
            for (const bytes of events) controller.enqueue(bytes);
          },
          cancel: onLeave,
        },
        new ByteLengthQueuingStrategy({ highWaterMark: MAX_BUFFERED_BYTES }),
      );
      signal.addEventListener("abort", onLeave, { once: true });
      timer ??= setInterval(tick, TICK_MS);
      return new Response(stream, { headers: HEADERS });
    },
    get subscribers() {
      return subscribers.size;
    },
    close() {
      closed = true;
      for (const subscriber of [...subscribers]) end(subscriber);
    },
  };
}
