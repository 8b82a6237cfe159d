/**
 * Puts the executable through a storm: aborting and slow clients, faulty mirrors, a store far too small on a disk that fills up,
 * changing Manifests, kill -9, damaged indexes, SIGHUP. Every response that completes must be right, and no open file, part file or
 * reservation may be left. Without root the small disk is a plain folder. Exits 1 if something was wrong.
 *
 *   bun scripts/storm.ts [--seconds 60] [--seed N] [--clients 20] [--files 36] [--max-size-mib 48] [--disk-mib 88]
 *     [--kill-every 9] [--verbose]
 */
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { startExecutable } from "../src/testing/executable.ts";
import { createTempFolder } from "../src/testing/temp.ts";
import { damageIndex, fill, meddle, UNDAMAGED, usageOf } from "./storm/chaos.ts";
import { sendRequest } from "./storm/client.ts";
import { api, createHost, mountDisk, startMirrors } from "./storm/host.ts";
import { checkQuiet } from "./storm/quiet.ts";
import { createRandom } from "./storm/random.ts";
import { createWorld } from "./storm/world.ts";

const MIB = 1024 * 1024;
const SAMPLE_MS = 60;

export interface StormOptions {
  readonly seconds: number;
  readonly seed: number;
  readonly clients: number;
  readonly files: number;
  readonly maxSizeMib: number;
  readonly diskMib: number;
  /** Seconds; 0: the server is never killed. */
  readonly killEvery: number;
  readonly onNews?: (text: string) => void;
}

export interface StormReport {
  /** Requests by outcome. */
  readonly outcomes: Readonly<Record<string, number>>;
  /** Violations; empty after a good storm. */
  readonly wrong: readonly string[];
  readonly kills: number;
  readonly peakBytes: number;
  readonly rss: { readonly first: number; readonly last: number };
}

export async function storm(options: StormOptions): Promise<StormReport> {
  const { seed, onNews = () => undefined } = options;
  const random = createRandom(seed);
  using folder = createTempFolder("portcache-storm-");
  const disk = folder.file("disk");
  const unmount = mountDisk(disk, options.diskMib);
  const world = createWorld(folder.file("repository"), options.files, random);
  const files = Object.fromEntries(
    world.names.map((name) => [name, world.versions(name)[0]?.content ?? { size: 0, seed: 0 }]),
  );
  const mirrors = await startMirrors({ seed, files, rates: [6 * MIB, 12 * MIB, 3 * MIB, 8 * MIB] });
  const location = join(disk, "store");
  const maxBytes = options.maxSizeMib * MIB;
  const settings = {
    storage: { max_size: maxBytes, min_free: 2 * MIB, memory: "4MiB", scrub: "1h" },
    fetcher: {
      mirrors: mirrors.urls,
      connections_per_file: 4,
      stall_timeout: "2s",
      connect_timeout: "2s",
      src_uri: false,
    },
    repo: { repos: [world.repository.location] },
    server: { drain: "1s" },
  };
  const outcomes: Record<string, number> = {};
  const wrong: string[] = [];
  const host = createHost(
    () => startExecutable({ settings, location }),
    () => note("WRONG: the server does not end", "SIGTERM"),
  );
  const ending = new AbortController();
  let peakBytes = 0;

  function note(outcome: string, of: string): void {
    if (outcome.startsWith("WRONG")) {
      wrong.push(`${outcome} (${of})`);
      onNews(`${outcome} (${of})`);
    }
    const kind = outcome.startsWith("WRONG") ? "WRONG" : outcome;
    outcomes[kind] = (outcomes[kind] ?? 0) + 1;
  }

  async function client(number: number): Promise<void> {
    const own = createRandom(seed + 7919 * (number + 1));
    const deps = { world, random: own, url: () => host.server.url, wasAway: host.wasAway, signal: ending.signal };
    while (!ending.signal.aborted) {
      const { outcome, request } = await sendRequest(deps);
      note(outcome, `${request.method} ${request.path} ${JSON.stringify(request.headers)} ${request.read}`);
      if (outcome === "server away") await Bun.sleep(100);
    }
  }

  async function watch(): Promise<void> {
    while (!ending.signal.aborted) {
      const { stored, parts } = usageOf(location);
      peakBytes = Math.max(peakBytes, stored + parts);
      await Bun.sleep(SAMPLE_MS);
    }
  }

  async function restart(): Promise<void> {
    const signal = random.percent(75) ? "SIGKILL" : "SIGTERM";
    await host.end(signal);
    // A server does not start on a disk without a free byte.
    fill(disk, 0);
    const damage = damageIndex(location, random);
    onNews(`${signal}, ${damage}`);
    if (damage !== UNDAMAGED) world.markLost();
    await host.start();
    if (damage !== UNDAMAGED) await rescan();
  }

  async function rescan(): Promise<void> {
    const before = performance.now();
    const response = await api(location, "rescan", {});
    const text = await response.text();
    // One rescan at a time: the other may have begun before the change.
    if (response.status === 409) return;
    if (!response.ok) throw new Error(`rescan: ${response.status} ${text}`);
    const { repositories } = JSON.parse(text) as { repositories: readonly { problem: string | null }[] };
    // On a full disk the index stays as it was.
    if (repositories.every(({ problem }) => problem === null)) world.markRead(before);
  }

  const actions: readonly (() => unknown)[] = [
    () => onNews(meddle(location, disk, random, world.markMeddled)),
    () => onNews(meddle(location, disk, random, world.markMeddled)),
    () => host.server.signal("SIGHUP"),
    () => fill(disk, random.below(options.diskMib) * MIB),
    () => fill(disk, 0),
    () => fill(disk, 0),
    async () => {
      const file = random.pick(world.names);
      await mirrors.order({ kind: "put", file, content: world.replace(file) });
      await rescan();
      onNews(`replaced ${file} in its Manifest`);
    },
    async () => await (await api(location, "verify", { repair: random.percent(50), bytes_per_second: 0 })).text(),
    async () => await (await api(location, "clean", {})).text(),
    async () => await (await api(location, "drop", { names: [random.pick(world.names)] })).text(),
    async () => await (await api(location, "fetch", { names: [random.pick(world.names)] })).text(),
  ];

  try {
    await host.start();
    const clients = Array.from({ length: options.clients }, (_, i) => client(i));
    const watching = watch();
    const startedAt = performance.now();
    let killedAt = startedAt;
    const doing = new Set<Promise<unknown>>();
    while (performance.now() - startedAt < options.seconds * 1000) {
      if (options.killEvery > 0 && performance.now() - killedAt > options.killEvery * 1000) {
        await restart();
        killedAt = performance.now();
      }
      const action = random.pick(actions);
      const begunAt = performance.now();
      const done = (async () => await action())().catch((error: unknown) => {
        if (!host.wasAway(begunAt)) note(`WRONG: ${error}`, String(action));
      });
      doing.add(done);
      void done.finally(() => doing.delete(done));
      await Bun.sleep(random.below(400));
    }
    fill(disk, 0);
    const first = host.server.rssBytes();
    ending.abort();
    await Promise.all([...clients, watching, ...doing]);
    await mirrors.order({ kind: "calm" });
    wrong.push(...(await checkQuiet(world, host, maxBytes)));
    const last = host.server.rssBytes();
    if (peakBytes > maxBytes + world.largestBytes) wrong.push(`usage was ${peakBytes} of ${maxBytes} bytes`);
    const trouble = host.logs
      .split("\n")
      .filter((line) => /unexpected error occurred|TypeError|RangeError|unhandled/i.test(line));
    wrong.push(...trouble.slice(0, 5));
    return { outcomes, wrong, kills: host.kills, peakBytes, rss: { first, last } };
  } finally {
    ending.abort();
    if (wrong.length > 0) await Bun.write(join(tmpdir(), `portcache-storm-${seed}.log`), host.logs);
    await host.server[Symbol.asyncDispose]();
    await mirrors.stop();
    unmount();
  }
}

if (import.meta.main) {
  const text = { type: "string" } as const;
  const { values } = parseArgs({
    options: {
      seconds: text,
      seed: text,
      clients: text,
      files: text,
      "max-size-mib": text,
      "disk-mib": text,
      "kill-every": text,
      verbose: { type: "boolean" },
    },
  });
  const seed = Number(values.seed ?? Math.floor(Math.random() * 1_000_000));
  console.log(`seed ${seed}`);
  const report = await storm({
    seed,
    seconds: Number(values.seconds ?? 60),
    clients: Number(values.clients ?? 20),
    files: Number(values.files ?? 36),
    maxSizeMib: Number(values["max-size-mib"] ?? 48),
    diskMib: Number(values["disk-mib"] ?? 88),
    killEvery: Number(values["kill-every"] ?? 9),
    ...(values.verbose ? { onNews: (news: string) => console.log(news) } : {}),
  });
  console.log(JSON.stringify(report, undefined, 2));
  process.exitCode = report.wrong.length === 0 ? 0 : 1;
}
