/**
 * Measures ebuilds sourced without their md5-cache, beside Portage's own `ebuild.sh depend` (bash only, none of its Python), from
 * the checkout and the repository that PORTCACHE_BENCH_PORTAGE and PORTCACHE_BENCH_REPOSITORY name. Without them there is nothing to
 * compare with. Package by package in turn, all on one core; the results are compared, too.
 */
import type { Bench, Group } from "../lib/group.ts";
import type { Measurement } from "../lib/result.ts";

/** Packages of a round, evenly spread over the repository. */
const SAMPLE = "25";

/** `Portage's ebuild.sh depend, bash alone: 12.3 ebuilds/s` */
function rateOf(output: string, begin: string): number {
  const line = output.split("\n").find((one) => one.trim().startsWith(begin));
  return Number(/: ([\d.]+) ebuilds\/s/.exec(line ?? "")?.[1]);
}

interface Round {
  readonly alone: number;
  readonly sandboxed: number;
  readonly theirs: number;
}

/** @throws {Error} when there are no rates, or when the results differ from Portage's */
async function compare(checkout: string, repository: string): Promise<Round> {
  const script = `${import.meta.dir}/../../evaluate-repositories.ts`;
  const args = ["--portage", checkout, "--sample", SAMPLE, "--only-sample", repository];
  const child = Bun.spawn([process.execPath, script, ...args], { stdin: "ignore", stdout: "pipe", stderr: "inherit" });
  const [output, exit] = [await child.stdout.text(), await child.exited];
  const theirs = rateOf(output, "Portage's ebuild.sh depend");
  if (exit !== 0 || Number.isNaN(theirs)) throw new Error(`no comparison came of it:\n${output.slice(-2000)}`);
  return { alone: rateOf(output, "ours, bash alone"), sandboxed: rateOf(output, "ours, sandboxed"), theirs };
}

async function run(bench: Bench): Promise<readonly Measurement[]> {
  const { PORTCACHE_BENCH_PORTAGE: checkout, PORTCACHE_BENCH_REPOSITORY: repository } = process.env;
  if (checkout === undefined || repository === undefined) {
    bench.say(
      "PORTCACHE_BENCH_PORTAGE and PORTCACHE_BENCH_REPOSITORY do not name a checkout and a repository: nothing is measured",
    );
    return [];
  }
  const rounds: Round[] = [];
  for (let round = 0; round < bench.rounds; round++) rounds.push(await compare(checkout, repository));
  const goal = { kind: "at least", value: 1 } as const;
  const row = (what: string, ours: readonly number[]): Measurement => ({
    what,
    unit: "ebuilds/s",
    ours,
    theirs: rounds.map(({ theirs }) => theirs),
    peer: "Portage's ebuild.sh depend",
    goal,
  });
  return [
    row(
      "ebuilds sourced, bash alone",
      rounds.map(({ alone }) => alone),
    ),
    row(
      "the same in bubblewrap",
      rounds.map(({ sandboxed }) => sandboxed),
    ),
  ];
}

export const group: Group = {
  name: "resolver",
  about: "ebuilds sourced by bash, beside Portage's own",
  run,
};
