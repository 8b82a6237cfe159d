/**
 * Runs the storm's mirrors in a process of their own: all but one change their faults every second or so.
 * Started by storm.ts with its settings as JSON. Prints the URLs in its first line, then reads orders, one per line: the new
 * content of a file, or "calm", which ends all faults.
 */
import type { GeneratedContent } from "../../src/testing/content.ts";
import { type FakeUpstream, startFakeUpstream } from "../../src/testing/fake-upstream.ts";
import type { Fault } from "../../src/testing/faults.ts";
import { createRandom, type Random } from "./random.ts";

export interface MirrorSettings {
  readonly seed: number;
  readonly files: Readonly<Record<string, GeneratedContent>>;
  /** Bytes per second that each mirror sends at most. */
  readonly rates: readonly number[];
}

export type MirrorOrder =
  | { readonly kind: "put"; readonly file: string; readonly content: GeneratedContent }
  | { readonly kind: "calm" };

const KIB = 1024;
const SHORTEST_FAULT_MS = 400;
const FAULT_SPREAD_MS = 1500;

function drawFaults(random: Random): readonly Fault[] {
  const after = random.below(3 * KIB) * KIB;
  const choices: readonly (() => readonly Fault[])[] = [
    () => [],
    () => [],
    () => [{ kind: "ignore-range" }],
    () => [{ kind: "corrupt", at: random.below(900) }],
    () => [{ kind: "corrupt", at: random.below(6 * KIB * KIB) }],
    () => [{ kind: "reset", after }],
    () => [{ kind: "close", after }],
    () => [{ kind: "stall", after }],
    () => [{ kind: "stall-headers" }],
    () => [{ kind: "rate", bytesPerSecond: 300 * KIB }],
    () => [{ kind: "rate", bytesPerSecond: 512, after }],
    () => [{ kind: "status", status: random.pick([404, 403, 500, 503, 429]) }],
    () => [{ kind: "html" }],
    () => [{ kind: "longer" }],
    () => [{ kind: "shorter" }],
    () => [{ kind: "wrong-total" }],
    () => [{ kind: "wrong-start" }],
    () => [{ kind: "garbage" }],
    () => [{ kind: "gzip" }],
    () => [{ kind: "etag", etag: random.pick(["none", "weak", "changing"]) }, { kind: "chunked" }],
    () => [{ kind: "close-delimited" }, { kind: "latency", ms: random.below(800) }],
  ];
  return random.pick(choices)();
}

/**
 * Changes a mirror's faults again and again. @returns what ends them
 * @param reliable has no faults, so that every file can be had
 */
function vary(mirror: FakeUpstream, bytesPerSecond: number, reliable: boolean, random: Random): () => void {
  const atBest: Fault = { kind: "rate", bytesPerSecond };
  let timer: NodeJS.Timeout | undefined;
  function change(): void {
    mirror.setFault("*", atBest, ...(reliable ? [] : drawFaults(random)));
    timer = setTimeout(change, SHORTEST_FAULT_MS + random.below(FAULT_SPREAD_MS));
  }
  change();
  return () => {
    clearTimeout(timer);
    mirror.setFault("*");
  };
}

async function main(settings: MirrorSettings): Promise<void> {
  const random = createRandom(settings.seed);
  const files = new Map(Object.entries(settings.files));
  const mirrors = await Promise.all(settings.rates.map(() => startFakeUpstream({ files })));
  const calm = mirrors.map((mirror, i) =>
    vary(mirror, settings.rates[i] ?? KIB, i === 0, createRandom(random.below(2 ** 31))),
  );
  console.log(JSON.stringify(mirrors.map(({ url }) => url)));
  for await (const line of console) {
    const order = JSON.parse(line) as MirrorOrder;
    if (order.kind === "put") files.set(order.file, order.content);
    else for (const stop of calm) stop();
  }
  process.exit();
}

await main(JSON.parse(process.argv[2] ?? "") as MirrorSettings);
