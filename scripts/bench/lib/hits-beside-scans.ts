/**
 * Measures hits of one client while a repository is scanned, beside the same hits without a scan: read for the first time,
 * scanned again and again, and read in full again.
 */
import { writeFileSync } from "node:fs";
import { formatSettings, type Server, startExecutable } from "../../../src/testing/executable.ts";
import { distfilePath } from "../../../src/testing/stored.ts";
import { type Load, runWrk } from "./clients.ts";
import { writeFiles, writeRepositoryOf } from "./files.ts";
import type { Bench } from "./group.ts";
import type { Goal, Measurement } from "./result.ts";

const FILES = { "bench-hit-1.tar.xz": { size: 4096, seed: 1 }, "bench-hit-2.tar.xz": { size: 4096, seed: 2 } };
/** How long a first scan lasts, with hits beside it. */
const SECONDS = 1;
/** Single rounds without a scan differ by this much; with scans on the event loop it was thirty times as long. */
const NO_DELAY: Goal = { kind: "at most", value: 2 };

/** Starts a server that has the files, with a small repository that wants them. */
async function startWith(
  bench: Bench,
): Promise<{ readonly server: Server; configure(repos: readonly string[]): void }> {
  const location = bench.file("hits-store");
  writeFiles(location, FILES);
  const small = writeRepositoryOf(bench.file("hits-repository"), FILES).location;
  const server = await startExecutable({ location, settings: { repo: { repos: [small] } } });
  for (const name of Object.keys(FILES)) {
    const answer = await fetch(server.url + distfilePath(name));
    if (!answer.ok) throw new Error(`${name} answers ${answer.status}`);
    await answer.bytes();
  }
  return {
    server,
    configure(repos) {
      const settings = {
        server: { address: "127.0.0.1", port: 0 },
        storage: { location },
        repo: { repos: [small, ...repos] },
      };
      writeFileSync(server.configFile, formatSettings(settings));
      server.signal("SIGHUP");
    },
  };
}

/** Waits until the log has one more line of this kind. */
async function untilLogged(server: Server, text: string, times: number): Promise<void> {
  const startedAt = performance.now();
  while (server.log().split(text).length <= times) {
    await Bun.sleep(20);
    if (performance.now() - startedAt > 60_000) throw new Error(`it never says "${text}":\n${server.log()}`);
  }
}

interface Kind {
  readonly what: string;
  readonly measured: Load[];
}

/** @param again rescans the repositories of the server on that store */
export async function measureHitsBesideScans(
  bench: Bench,
  repository: string,
  packages: number,
  again: (location: string, full: boolean) => Promise<unknown>,
): Promise<readonly Measurement[]> {
  const { server, configure } = await startWith(bench);
  await using _server = server;
  const paths = Object.keys(FILES).map(distfilePath);
  const hit = () => runWrk({ url: server.url, paths, connections: 1, seconds: SECONDS, folder: bench.file(".") });
  const scanned = `${packages} packages`;
  const without: Load[] = [];
  const kinds: readonly [Kind, Kind, Kind] = [
    { what: "during a first scan", measured: [] },
    { what: "during rescans", measured: [] },
    { what: "during full rescans", measured: [] },
  ];
  const [first, rescans, full] = kinds;

  async function whileScanning(whole: boolean): Promise<Load> {
    let done = false;
    const scanning = (async () => {
      while (!done) await again(server.location, whole);
    })();
    const load = await hit();
    done = true;
    await scanning;
    return load;
  }

  for (let round = 0; round < bench.rounds; round++) {
    without.push(await hit());
    configure([repository]);
    first.measured.push(await hit());
    await untilLogged(server, scanned, round + 1);
    rescans.measured.push(await whileScanning(false));
    full.measured.push(await whileScanning(true));
    configure([]);
    await untilLogged(server, "SIGHUP: configuration read again", 2 * round + 2);
  }
  const row = (label: string, { what, measured }: Kind, figure: (load: Load) => number, goal?: Goal): Measurement => ({
    what: `hits of 4 KiB, ${label}, ${what}`,
    unit: "ms",
    ours: measured.map(figure),
    theirs: without.map(figure),
    peer: "without a scan",
    ...(goal ? { goal } : {}),
  });
  return kinds.flatMap((kind) => [
    row("99th percentile", kind, ({ p99Ms }) => p99Ms, NO_DELAY),
    row("longest", kind, ({ longestMs }) => longestMs),
  ]);
}
