/**
 * What faulty and unequal mirrors cost clients, measured through a whole server over sockets: the share that mirrors of speed
 * 1:2:5 get of 60 files; the wait for a first byte while one of two mirrors dies, and while one of four refuses, one is
 * silent and one trickles, against a server that knows the good one alone.
 *
 *   bun scripts/bench/mirrors.ts [--runs 3]
 */
import { parseArgs } from "node:util";
import type { Content } from "../../src/testing/content.ts";
import { type FakeUpstream, startFakeUpstream } from "../../src/testing/fake-upstream.ts";
import type { Fault } from "../../src/testing/faults.ts";
import { startServer } from "../../src/testing/server.ts";
import { createTempFolder } from "../../src/testing/temp.ts";
import { writeTree } from "../../src/testing/tree.ts";

const KIB = 1024;

interface Setup {
  readonly files: number;
  readonly size: number;
  /** Of each mirror, on every file. */
  readonly faults: readonly (readonly Fault[] | "refuses")[];
  readonly strategy: string;
  /** Called before each file. */
  before?(file: number, mirrors: readonly FakeUpstream[]): void;
}

interface Measured {
  /** Milliseconds to the first byte of each file. */
  readonly firstByteMs: readonly number[];
  /** Requests for files at each mirror, after the learning. */
  readonly asked: readonly number[];
}

const LEARNING = 15;

async function measure({ files, size, faults, strategy, before }: Setup): Promise<Measured> {
  using folder = createTempFolder();
  const dist: Record<string, Content> = {};
  for (let i = 0; i < files + LEARNING; i++) dist[`f${i}`] = { size, seed: i + 1 };
  const tree = writeTree(folder.file("tree"));
  tree.put("app-misc/many", { dist });
  const mirrors = await Promise.all(faults.map(() => startFakeUpstream({ files: new Map(Object.entries(dist)) })));
  for (const [i, fault] of faults.entries()) {
    if (fault === "refuses") await mirrors[i]?.close();
    else mirrors[i]?.setFault("*", ...fault);
  }
  const settings = { "fetcher.stall_timeout": "20s", "fetcher.connect_timeout": "10s", "fetcher.strategy": strategy };
  const urls = mirrors.map(({ url }) => url);
  const server = await startServer({ location: folder.file("store"), mirrors: urls, repos: [tree.location], settings });
  await server.settled;
  const firstByteMs: number[] = [];
  const counts = () => mirrors.map(({ requests }) => requests.filter(({ file }) => file !== "layout.conf").length);
  let learnt = counts();
  for (let i = 0; i < files + LEARNING; i++) {
    if (i === LEARNING) learnt = counts();
    before?.(i - LEARNING, mirrors);
    const startedAt = performance.now();
    const response = await fetch(`${server.url}/distfiles/f${i}`);
    const reader = response.body?.getReader();
    await reader?.read();
    if (i >= LEARNING) firstByteMs.push(performance.now() - startedAt);
    while (!(await reader?.read())?.done);
  }
  const asked = counts().map((count, i) => count - (learnt[i] ?? 0));
  await server.stop();
  for (const mirror of mirrors) await mirror.close();
  return { firstByteMs, asked };
}

function summary(ms: readonly number[]): string {
  const sorted = ms.toSorted((a, b) => a - b);
  const at = (share: number) => Math.round(sorted[Math.ceil(share * sorted.length) - 1] ?? 0);
  return `median ${at(0.5)} ms, p95 ${at(0.95)} ms, most ${at(1)} ms`;
}

const { values } = parseArgs({ options: { runs: { type: "string", default: "3" } } });
for (let run = 1; run <= Number(values.runs); run++) {
  console.log(`run ${run}`);
  const rates = [1, 2, 5].map((factor): Fault[] => [{ kind: "rate", bytesPerSecond: factor * 80 * KIB }]);
  const { asked } = await measure({ files: 60, size: 40 * KIB, faults: rates, strategy: "adaptive" });
  console.log(`  60 files at 1:2:5, one after the other: ${asked.join(", ")} (in proportion: 7.5, 15, 37.5)`);

  const dying = await measure({
    files: 60,
    size: 40 * KIB,
    faults: [[], []],
    strategy: "ordered",
    before: (file, [first]) => file === 20 && first?.setFault("*", { kind: "stall-headers" }),
  });
  console.log(`  the first of two falls silent: ${summary(dying.firstByteMs)}`);
  const waits = dying.firstByteMs.slice(20).filter((ms) => ms > 250);
  console.log(`    files of 40 that waited over 250 ms: ${waits.length}, asked since: ${dying.asked.join(", ")}`);

  const large = { files: 40, size: 5 * KIB * KIB, strategy: "adaptive" };
  const good = await measure({ ...large, faults: [[]] });
  const faulty = await measure({
    ...large,
    faults: ["refuses", [{ kind: "stall-headers" }], [{ kind: "rate", bytesPerSecond: 2 * KIB }], []],
  });
  console.log(`  one good mirror: ${summary(good.firstByteMs)}`);
  console.log(`  with one refusing, one silent, one trickling: ${summary(faulty.firstByteMs)}`);
  console.log(`    asked after learning: ${faulty.asked.join(", ")}`);
}
