/**
 * Measures what slow readers cost: thousands of clients that take the first bytes of a response and then no more.
 *
 *   bun scripts/storm/slow-readers.ts [--clients 4000] [--of KIND] [--executable PATH]
 *
 * --of: a file that is coming in (the default), a small one from memory, a large one from disk, a snapshot that is coming in, the
 * list of stored files, the dashboard's script, or events. Exits 1 if the server takes more memory than the bound.
 */
import { readdirSync } from "node:fs";
import { parseArgs } from "node:util";
import { API_PREFIX } from "../../src/http/api/api.ts";
import { startExecutable } from "../../src/testing/executable.ts";
import { startFakeUpstream } from "../../src/testing/fake-upstream.ts";
import { openClient, type SocketClient } from "../../src/testing/socket-client.ts";
import { distfilePath } from "../../src/testing/stored.ts";
import { createTempFolder } from "../../src/testing/temp.ts";
import { writeRepositoryOf } from "../bench/lib/files.ts";
import { watchMemory } from "../bench/lib/procfs.ts";

const MIB = 1024 * 1024;
const CLIENTS = 4_000;
/** What so many slow readers together may cost. */
const MAX_GROWTH_BYTES = 150 * MIB;
/** A file is coming in for as long as its readers are watched. */
const MIRROR_BYTES_PER_SECOND = 2 * MIB;
const WATCH_MS = 15_000;
const CONNECT_AT_ONCE = 250;

const SMALL = "small-1.0.tar.xz";
const LARGE = "large-1.0.tar.xz";
const SLOW = "slow-1.0.tar.xz";
const FILES = {
  [SMALL]: { size: 2 * MIB, seed: 5 },
  [LARGE]: { size: 48 * MIB, seed: 6 },
  [SLOW]: { size: 64 * MIB, seed: 7 },
  ...Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`tiny-${i}.tar.xz`, { size: 100, seed: i + 10 }])),
};
const SNAPSHOT = "/snapshots/slow-latest.tar.xz";

const PATHS = {
  incoming: () => distfilePath(SLOW),
  memory: () => distfilePath(SMALL),
  disk: () => distfilePath(LARGE),
  snapshot: () => SNAPSHOT,
  list: () => `${API_PREFIX}/files?limit=500`,
  events: () => `${API_PREFIX}/events`,
  page() {
    const page = new URL("../../dist/page", import.meta.url).pathname;
    return `/dashboard/${readdirSync(page).find((name) => name.endsWith(".js"))}`;
  },
} as const;

export type Kind = keyof typeof PATHS;

export interface SlowReaders {
  readonly connected: number;
  readonly grownBytes: number;
  /** Milliseconds until a client that came after them had a response. */
  readonly nextMs: number;
  /** How long /healthz took at most. */
  readonly healthMs: number;
}

/** Returns what so many readers may cost. */
export function maxGrowthBytes(clients: number): number {
  return Math.max(64 * MIB, (MAX_GROWTH_BYTES * clients) / CLIENTS);
}

async function responseMs(url: string): Promise<number> {
  const startedAt = performance.now();
  const response = await fetch(url, { signal: AbortSignal.timeout(30_000) });
  await response.body?.cancel();
  return performance.now() - startedAt;
}

export async function measureSlowReaders(clients: number, kind: Kind, executable?: string): Promise<SlowReaders> {
  using folder = createTempFolder("portcache-slow-readers-");
  const repository = writeRepositoryOf(folder.file("repository"), FILES);
  await using mirror = await startFakeUpstream({
    files: new Map([...Object.entries(FILES), [SNAPSHOT, { size: 64 * MIB, seed: 8 }]]),
  });
  for (const name of [SLOW, SNAPSHOT]) {
    mirror.setFault(name, { kind: "rate", after: 0, bytesPerSecond: MIRROR_BYTES_PER_SECOND });
  }
  const settings = {
    fetcher: { mirrors: [mirror.url], connections_per_file: 1, stall_timeout: "60s", read_ahead: 0 },
    repo: { repos: [repository.location] },
  };
  await using server = await startExecutable({ settings, ...(executable === undefined ? {} : { executable }) });
  for (const name of Object.keys(FILES)) {
    if (name !== SLOW) await (await fetch(server.url + distfilePath(name))).bytes();
  }
  const path = PATHS[kind]();
  const sockets: SocketClient[] = [];
  async function connect(): Promise<void> {
    const request = openClient(server.url, path);
    sockets.push(request);
    if ((await request.status) !== 200) throw new Error(`a slow reader of ${path} was answered ${await request.head}`);
  }
  await connect();
  const idle = server.rssBytes();
  const peak = watchMemory([server.pid], 200);
  let healthMs = 0;
  const endsAt = performance.now() + Math.max(5_000, (WATCH_MS * clients) / CLIENTS);
  try {
    while (sockets.length < clients) {
      const count = Math.min(CONNECT_AT_ONCE, clients - sockets.length);
      await Promise.all(Array.from({ length: count }, connect));
      healthMs = Math.max(healthMs, await responseMs(`${server.url}/healthz`));
    }
    const nextMs = await responseMs(server.url + distfilePath(SMALL));
    while (performance.now() < endsAt) {
      healthMs = Math.max(healthMs, await responseMs(`${server.url}/healthz`));
      await Bun.sleep(200);
    }
    return { connected: sockets.length, grownBytes: peak() - idle, nextMs, healthMs };
  } finally {
    for (const socket of sockets) socket.leave();
  }
}

if (import.meta.main) {
  const text = { type: "string" } as const;
  const { values } = parseArgs({ options: { clients: text, of: text, executable: text } });
  const kind = Object.keys(PATHS).find((one): one is Kind => one === (values.of ?? "incoming"));
  if (kind === undefined) throw new Error(`--of is one of ${Object.keys(PATHS).join(", ")}`);
  const result = await measureSlowReaders(Number(values.clients ?? CLIENTS), kind, values.executable);
  const { connected, grownBytes, nextMs, healthMs } = result;
  const [grown, each] = [(grownBytes / MIB).toFixed(0), (grownBytes / 1024 / connected).toFixed(0)];
  process.stdout.write(
    `${connected} slow readers (${kind}): ${grown} MiB more, ${each} KiB each; the next client waits ${nextMs.toFixed(0)} ms, /healthz at most ${healthMs.toFixed(0)} ms\n`,
  );
  process.exit(grownBytes > maxGrowthBytes(connected) ? 1 : 0);
}
