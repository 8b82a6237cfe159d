/**
 * Checks server-sent events: what subscribers receive, and that a server that shuts down does not wait for them.
 */
import { afterEach, expect, test } from "bun:test";
import * as v from "valibot";
import { DownloadsSchema, StatusSchema } from "../api/schemas.ts";
import { createEvents } from "../http/api/events.ts";
import { startFakeUpstream } from "../testing/fake-upstream.ts";
import { writeRepository } from "../testing/repository.ts";
import { startServer, type TestServer } from "../testing/server.ts";
import { createTempFolder } from "../testing/temp.ts";

const large = { size: 6 * 1024 * 1024, seed: 1 };
const closers: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function start(): Promise<TestServer> {
  const folder = createTempFolder();
  closers.push(() => folder.remove());
  const repository = writeRepository(folder.file("repository"));
  repository.put("app-misc/one", { dist: { "large.zip": large } });
  const mirror = await startFakeUpstream({ files: new Map([["large.zip", large]]) });
  closers.push(mirror.close);
  mirror.setFault("large.zip", { kind: "rate", after: 0, bytesPerSecond: 2 * 1024 * 1024 });
  const server = await startServer({
    location: folder.file("store"),
    mirrors: [mirror.url],
    repos: [repository.location],
  });
  closers.push(server.stop);
  await server.settled;
  return server;
}

interface ReceivedEvent {
  readonly name: string;
  readonly data: unknown;
}

/** Returns events until `enough` or the stream ends. */
async function listen(
  url: string,
  enough: (received: readonly ReceivedEvent[]) => boolean,
  headers = {},
): Promise<ReceivedEvent[]> {
  const leaving = new AbortController();
  const response = await fetch(url, { headers, signal: leaving.signal });
  expect(response.headers.get("content-type")).toBe("text/event-stream");
  const received: ReceivedEvent[] = [];
  let text = "";
  const decoder = new TextDecoder();
  for await (const bytes of response.body ?? []) {
    text += decoder.decode(bytes, { stream: true });
    for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
      const [, name, data] = /^event: (\w+)\ndata: (.*)$/.exec(text.slice(0, end)) ?? [];
      if (name !== undefined) received.push({ name, data: JSON.parse(data ?? "") });
      text = text.slice(end + 2);
    }
    if (enough(received)) break;
  }
  leaving.abort();
  return received;
}

test("a subscriber receives status and downloads at once, and then the progress", async () => {
  const server = await start();
  const transfer = fetch(`${server.url}/distfiles/large.zip`).then((response) => response.bytes());
  const isOver = (received: readonly ReceivedEvent[]) => {
    const last = received.findLast(({ name }) => name === "downloads")?.data as { downloads: unknown[] } | undefined;
    return received.length > 4 && last?.downloads.length === 0;
  };
  const [all, some] = await Promise.all([
    listen(`${server.url}/api/v1/events`, isOver),
    listen(`${server.url}/api/v1/downloads`, isOver, { accept: "text/event-stream" }),
    transfer,
  ]);
  expect(all.slice(0, 2).map(({ name }) => name)).toEqual(["status", "downloads"]);
  const schemas = { status: StatusSchema, downloads: DownloadsSchema, requests: v.object({ latest: v.string() }) };
  for (const { name, data } of all) v.parse(schemas[name as keyof typeof schemas], data);
  const progress = all.flatMap(({ name, data }) =>
    name === "downloads" ? v.parse(DownloadsSchema, data).downloads.map(({ bytes }) => bytes) : [],
  );
  expect(progress.length).toBeGreaterThan(1);
  expect(progress).toEqual(progress.toSorted((a, b) => a - b));
  expect(new Set(progress).size).toBeGreaterThan(1);
  expect(some.length).toBeGreaterThan(1);
}, 20_000);

test("shutting down ends all streams and accepts no new ones", async () => {
  const events = createEvents({
    state: { status: () => ({}) as never, downloads: () => ({}) as never, latestRequest: () => null },
    onError: () => undefined,
  });
  const response = events.subscribe(new AbortController().signal, "::1");
  expect(events.subscribers).toBe(1);
  events.close();
  expect(await response.text()).toContain("event: status");
  expect([events.subscribers, events.subscribe(new AbortController().signal, "::1").status]).toEqual([0, 503]);
});

test("a subscriber hears once a second that there are new requests, and not what they are", async () => {
  let latest = "1";
  const events = createEvents({
    state: { status: () => ({}) as never, downloads: () => ({}) as never, latestRequest: () => latest },
    onError: () => undefined,
  });
  const response = events.subscribe(new AbortController().signal, "::1");
  await Bun.sleep(1_200);
  latest = "2";
  await Bun.sleep(2_000);
  events.close();
  const told = (await response.text()).match(/event: requests\ndata: .*/g);
  expect(told).toEqual(['event: requests\ndata: {"latest":"1"}', 'event: requests\ndata: {"latest":"2"}']);
}, 10_000);

test("a subscriber that reads nothing costs no memory: the events that it misses are not queued", async () => {
  const noise = "x".repeat(200_000);
  let turn = 0;
  const events = createEvents({
    state: {
      status: () => ({}) as never,
      downloads: () => ({ downloads: [`${turn++}${noise}`] }) as never,
      latestRequest: () => null,
    },
    onError: () => undefined,
  });
  const response = events.subscribe(new AbortController().signal, "::1");
  // Of 200 KB per second only the limit and one event are buffered.
  await Bun.sleep(4_500);
  events.close();
  expect((await response.bytes()).length).toBeLessThan(700_000);
}, 10_000);
