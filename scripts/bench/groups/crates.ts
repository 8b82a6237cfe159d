/**
 * Measures a package of 300 small files, fetched as Portage does: one wget after the other. Cold through portcache, which reads
 * ahead, beside a mirror that is 60 ms away; warm beside nginx on this machine.
 */
import { mkdirSync } from "node:fs";
import type { GeneratedContent } from "../../../src/testing/content.ts";
import { type Server, startExecutable } from "../../../src/testing/executable.ts";
import { writeRepository } from "../../../src/testing/repository.ts";
import { distfilePath } from "../../../src/testing/stored.ts";
import { runWgets } from "../lib/clients.ts";
import { type Files, writeFiles } from "../lib/files.ts";
import { type Bench, type Group, inTurn } from "../lib/group.ts";
import { startNginx } from "../lib/nginx.ts";
import type { Measurement } from "../lib/result.ts";
import { startUpstream } from "../lib/upstream.ts";

const KIB = 1024;
const COUNT = 300;
const LATENCY_MS = 60;
/** Cold rounds; each takes 24 s. */
const MAX_ROUNDS = 2;

/** 30 to 300 KiB. */
function crates(): Files {
  const files: Record<string, GeneratedContent> = {};
  for (let i = 0; i < COUNT; i++) {
    files[`crate-${i}-1.0.crate`] = { size: Math.round((30 + (270 * ((i * 37) % COUNT)) / COUNT) * KIB), seed: i + 1 };
  }
  return files;
}

/** Fetches all files into the folder, one wget after the other. @returns milliseconds */
async function wgetAll(base: string, files: Files, folder: string): Promise<number> {
  mkdirSync(folder, { recursive: true });
  return await runWgets(
    Object.keys(files).map((name) => base + distfilePath(name)),
    folder,
  );
}

async function run(bench: Bench): Promise<readonly Measurement[]> {
  const files = crates();
  const repository = writeRepository(bench.file("repository"));
  const srcUri = Object.keys(files)
    .map((name) => `https://example.org/${name}`)
    .join(" ");
  repository.put("app-misc/crates", { dist: files, ebuilds: [{ version: "1", srcUri }] });
  await using mirror = await startUpstream(files, { kind: "latency", ms: LATENCY_MS });
  const settings = { fetcher: { mirrors: [mirror.url] }, repo: { repos: [repository.location] } };
  const rounds = Math.min(bench.rounds, MAX_ROUNDS);
  const target = bench.file("target");
  let warm: Server | undefined;
  const cold = await inTurn(
    rounds,
    async (round) => {
      await warm?.[Symbol.asyncDispose]();
      warm = await startExecutable({ settings, location: bench.file(`store-${round}`) });
      return await wgetAll(warm.url, files, target);
    },
    () => wgetAll(mirror.url, files, target),
  );
  if (!warm) return [];
  const server = warm;
  writeFiles(bench.file("files"), files);
  const nginx = await startNginx({ folder: bench.file("nginx"), server: `root ${bench.file("files")};` });
  const hits = await inTurn(
    bench.rounds,
    () => wgetAll(server.url, files, target),
    () => wgetAll(nginx.url, files, target),
  );
  await nginx.stop();
  await server[Symbol.asyncDispose]();
  const speeds = (ms: readonly number[]) => ms.map((one) => (1000 * COUNT) / one);
  return [
    {
      what: `${COUNT} files of 30 to 300 KiB, ${LATENCY_MS} ms away, one wget after the other, cold`,
      unit: "files/s",
      ours: speeds(cold.ours),
      theirs: speeds(cold.theirs),
      peer: "wget from the mirror",
      goal: { kind: "at least", value: 4 },
    },
    {
      what: "the same, warm",
      unit: "files/s",
      ours: speeds(hits.ours),
      theirs: speeds(hits.theirs),
      peer: "nginx, one worker",
      goal: { kind: "at least", value: 0.9 },
    },
  ];
}

export const group: Group = {
  name: "crates",
  about: "a package of 300 small files, one wget after the other, cold against the mirror and warm against nginx",
  run,
};
