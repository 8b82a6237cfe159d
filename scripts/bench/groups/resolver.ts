/**
 * Ebuilds sourced without their md5-cache, beside Portage's own `ebuild.sh depend`, where a checkout of it and a tree are
 * given: PORTCACHE_BENCH_PORTAGE and PORTCACHE_BENCH_TREE. Without them there is nothing to compare with.
 */
import type { Bench, Group } from "../lib/group.ts";
import type { Measurement } from "../lib/result.ts";

const SAMPLE = "60";

/** `Portage's ebuild.sh depend, bash alone: 12.3 ebuilds/s` */
function rateOf(output: string, begin: string): number {
  const line = output.split("\n").find((one) => one.trim().startsWith(begin));
  return Number(/: ([\d.]+) ebuilds\/s/.exec(line ?? "")?.[1]);
}

async function run(bench: Bench): Promise<readonly Measurement[]> {
  const { PORTCACHE_BENCH_PORTAGE: checkout, PORTCACHE_BENCH_TREE: tree } = process.env;
  if (checkout === undefined || tree === undefined) {
    bench.say("PORTCACHE_BENCH_PORTAGE and PORTCACHE_BENCH_TREE name no checkout and tree: nothing is measured");
    return [];
  }
  const script = `${import.meta.dir}/../../evaluate-trees.ts`;
  const args = ["--portage", checkout, "--sample", SAMPLE, tree];
  const child = Bun.spawn([process.execPath, script, ...args], { stdin: "ignore", stdout: "pipe", stderr: "inherit" });
  const output = await child.stdout.text();
  const theirs = rateOf(output, "Portage's ebuild.sh depend");
  if (Number.isNaN(theirs)) throw new Error(`no comparison came of it:\n${output.slice(-2000)}`);
  const goal = { kind: "at least", value: 1 } as const;
  const peer = "Portage's ebuild.sh depend";
  const row = (what: string, begin: string): Measurement => {
    return { what, unit: "ebuilds/s", ours: [rateOf(output, begin)], theirs: [theirs], peer, goal };
  };
  return [row("ebuilds sourced, bash alone", "ours, bash alone"), row("the same, shut in", "ours, shut in")];
}

export const group: Group = {
  name: "resolver",
  about: "ebuilds sourced by bash, beside Portage's own",
  run,
};
