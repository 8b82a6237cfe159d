/**
 * Measures clean-up in a store of many files (sparse ones, so that they take no disk): the time to decide, the time to free ten
 * gigabytes, the memory that takes, and what hits cost meanwhile and before.
 *
 *   scripts/build && bun scripts/bench/clean.ts [--files 100000]
 */
import { lstatSync, mkdirSync, truncateSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { parseArgs } from "node:util";
import type { DistfileName } from "../../src/distfile/name.ts";
import { createFileRows } from "../../src/index/files.ts";
import { openIndex } from "../../src/index/open.ts";
import { type Server, startExecutable } from "../../src/testing/executable.ts";
import { createRandom } from "../../src/testing/random.ts";
import { distfilePath } from "../../src/testing/stored.ts";
import { createTempFolder } from "../../src/testing/temp.ts";

const MIB = 1024 * 1024;
const DAY = 24 * 60 * 60 * 1000;
/** The files that clients ask for meanwhile: one that is sent by sendfile and one that is read. */
const ASKED = ["asked-0.zip", "asked-1.zip"] as const;
const CLIENTS = 4;

/** Writes the files. @returns their bytes */
function fill(location: string, files: number): number {
  const random = createRandom(1);
  const index = openIndex(`${location}/index.sqlite`, `${import.meta.dir}/../../drizzle`);
  const rows = createFileRows(index.db);
  const now = Date.now();
  let total = 0;
  function put(name: string, size: number, usedAt: number, useScore: number): void {
    const path = location + distfilePath(name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, "");
    truncateSync(path, size);
    const { mtimeNs, ctimeNs } = lstatSync(path, { bigint: true });
    const stamp = `${size}:${mtimeNs}:${ctimeNs}`;
    const row = { blake2b: "0".repeat(128), stamp, source: "http://mirror/", useScore };
    rows.put({ name: name as DistfileName, size, ...row, storedAt: usedAt, usedAt, verifiedAt: now });
    total += size;
  }
  index.db.transaction(() => {
    for (let i = 0; i < files; i++) {
      put(`file-${i}.tar.xz`, Math.round(2 * MIB * random() ** 2) + 1000, now - random() * 100 * DAY, 1 + 5 * random());
    }
    put(ASKED[0], 2 * MIB, now, 1e6);
    put(ASKED[1], 600 * 1024, now, 1e6);
  });
  index.close();
  return total;
}

interface Latencies {
  readonly requests: number;
  readonly p50: number;
  readonly p99: number;
  readonly worst: number;
}

/** Asks for hits until stopped. */
function sendRequests({ url }: Server) {
  const taken: number[] = [];
  let going = true;
  const clients = Array.from({ length: CLIENTS }, async (_, i) => {
    while (going) {
      const startedAt = performance.now();
      const answer = await fetch(`${url}/distfiles/${ASKED[i % 2]}`, { headers: { range: "bytes=0-65535" } });
      await answer.bytes();
      if (answer.status !== 206) throw new Error(`answered ${answer.status}`);
      taken.push(performance.now() - startedAt);
      await Bun.sleep(2);
    }
  });
  return async (): Promise<Latencies> => {
    going = false;
    await Promise.all(clients);
    taken.sort((a, b) => a - b);
    const at = (share: number) => taken[Math.min(taken.length - 1, Math.floor(taken.length * share))] ?? 0;
    return { requests: taken.length, p50: at(0.5), p99: at(0.99), worst: at(1) };
  };
}

async function clean({ location }: Server, dryRun: boolean) {
  const startedAt = performance.now();
  const answer = await fetch("http://localhost/api/v1/clean", {
    method: "POST",
    unix: `${location}/portcache.sock`,
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ dry_run: dryRun }),
  });
  if (answer.status !== 200) throw new Error(await answer.text());
  const { files, bytes } = (await answer.json()) as { files: number; bytes: number };
  return { ms: performance.now() - startedAt, files, bytes };
}

const line = (label: string, { requests, p50, p99, worst }: Latencies) =>
  console.log(
    `${label.padEnd(22)} p50 ${p50.toFixed(2)} ms  p99 ${p99.toFixed(2)} ms  worst ${worst.toFixed(1)} ms  (${requests} hits)`,
  );

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { files: { type: "string", default: "100000" } } });
  using folder = createTempFolder("portcache-bench-clean-");
  const location = folder.file("store");
  mkdirSync(location);
  mkdirSync(folder.file("repository/profiles"), { recursive: true });
  writeFileSync(folder.file("repository/profiles/repo_name"), "empty\n");
  const total = fill(location, Number(values.files));
  // At 100 % of max_size clean-up does not start by itself; going down to 90 % removes a tenth.
  const storage = { max_size: total + MIB, min_free: 0, memory: 0, scrub: "0" };
  const repo = { repos: [folder.file("repository")], evaluate: "never" };
  await using server = await startExecutable({ location, settings: { storage, repo, log: { level: "warn" } } });
  await Bun.sleep(4000);
  console.log(`${values.files} files, ${(total / 1e9).toFixed(1)} GB`);
  const warmUp = sendRequests(server);
  await Bun.sleep(2000);
  await warmUp();
  const quiet: Latencies[] = [];
  const busy: Latencies[] = [];
  for (let round = 0; round < 3; round++) {
    const calm = sendRequests(server);
    await Bun.sleep(4000);
    quiet.push(await calm());
    const choosing = sendRequests(server);
    const decided = await clean(server, true);
    busy.push(await choosing());
    console.log(
      `decided on ${decided.files} files, ${(decided.bytes / 1e9).toFixed(1)} GB in ${decided.ms.toFixed(0)} ms`,
    );
  }
  const rssBefore = server.rssBytes();
  const removing = sendRequests(server);
  const done = await clean(server, false);
  const meanwhile = await removing();
  const grown = (server.rssBytes() - rssBefore) / MIB;
  console.log(
    `removed ${done.files} files, ${(done.bytes / 1e9).toFixed(1)} GB in ${done.ms.toFixed(0)} ms, RSS ${grown.toFixed(0)} MiB more`,
  );
  for (const one of quiet) line("hits, quiet", one);
  for (const one of busy) line("hits, while it chooses", one);
  line("hits, while it removes", meanwhile);
  const calmest = Math.min(...quiet.map(({ p99 }) => p99));
  const most = Math.max(...quiet.map(({ p99 }) => p99));
  console.log(
    `p99 while it removes: ${(meanwhile.p99 / most).toFixed(1)} to ${(meanwhile.p99 / calmest).toFixed(1)} times the quiet one`,
  );
}

if (import.meta.main) await main();
