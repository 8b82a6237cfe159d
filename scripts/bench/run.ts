/**
 * Measures portcache beside its peers and tells ratios: both sides on this machine, with the same files and the same
 * client, in turn. Absolute figures are the machine's, ratios are what counts; nothing here asserts a time.
 *
 *   bun scripts/bench/run.ts [GROUP…] [--rounds 5] [--seconds 3] [--no-readme]
 *
 * Without a group all of them run, in less than a quarter of an hour. Results are kept in scripts/bench/results.json, by
 * group, and the table of the README is written from them. Needs dist/portcache (scripts/build), and what the groups
 * name: nginx, wrk, curl, wget. Exit status 1 where a goal is missed.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { createTempFolder } from "../../src/testing/temp.ts";
import type { Group } from "./lib/group.ts";
import { loadAverage } from "./lib/procfs.ts";
import { judge, type Result, resultLine, resultTable } from "./lib/result.ts";

/** In the order of the table. */
const GROUPS: Readonly<Record<string, () => Promise<{ readonly group: Group }>>> = {
  hits: () => import("./groups/hits.ts"),
  miss: () => import("./groups/miss.ts"),
  fanout: () => import("./groups/fanout.ts"),
  multisource: () => import("./groups/multisource.ts"),
  mirrors: () => import("./groups/mirrors.ts"),
  crates: () => import("./groups/crates.ts"),
  index: () => import("./groups/index.ts"),
  resolver: () => import("./groups/resolver.ts"),
  dashboards: () => import("./groups/dashboards.ts"),
  idle: () => import("./groups/idle.ts"),
  soak: () => import("./groups/soak.ts"),
};
/** Takes five minutes by itself, so it has to be named. */
const NOT_BY_DEFAULT = new Set(["soak"]);

const RESULTS = `${import.meta.dir}/results.json`;
const README = `${import.meta.dir}/../../README.md`;
const [BEGIN, END] = ["<!-- bench:begin -->", "<!-- bench:end -->"];

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

async function runGroup(name: string, rounds: number, seconds: number): Promise<readonly Result[]> {
  const { group } = (await GROUPS[name]?.()) ?? {};
  if (!group) throw new Error(`There is no group ${name}: ${Object.keys(GROUPS).join(", ")}`);
  const at = new Date().toISOString();
  const load = loadAverage();
  say(`${name}: ${group.about} (load average ${load})`);
  using folder = createTempFolder(`portcache-bench-${name}-`);
  const startedAt = performance.now();
  const measurements = await group.run({ rounds, seconds, file: folder.file, say: (line) => say(`  … ${line}`) });
  const results = measurements.map((measurement) => judge(measurement, name, at, load));
  for (const result of results) say(resultLine(result));
  say(`  in ${Math.round((performance.now() - startedAt) / 1000)} s`);
  return results;
}

/** Puts the groups' new results in place of their old ones, in the order of GROUPS. */
function keep(fresh: readonly Result[]): readonly Result[] {
  const before: readonly Result[] = existsSync(RESULTS) ? JSON.parse(readFileSync(RESULTS, "utf8")) : [];
  const renewed = new Set(fresh.map(({ group }) => group));
  const all = [...before.filter(({ group }) => !renewed.has(group)), ...fresh];
  const order = Object.keys(GROUPS);
  const sorted = all.toSorted((a, b) => order.indexOf(a.group) - order.indexOf(b.group));
  writeFileSync(RESULTS, `${JSON.stringify(sorted, null, 1)}\n`);
  return sorted;
}

function writeReadme(results: readonly Result[]): void {
  const text = readFileSync(README, "utf8");
  const [begin, end] = [text.indexOf(BEGIN), text.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error(`The README has no ${BEGIN} … ${END}`);
  const table = `${BEGIN}\n\n${resultTable(results)}\n\n`;
  writeFileSync(README, `${text.slice(0, begin)}${table}${text.slice(end)}`);
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: "string", default: "5" },
    seconds: { type: "string", default: "3" },
    "no-readme": { type: "boolean", default: false },
  },
});
const fresh: Result[] = [];
for (const name of positionals.length > 0
  ? positionals
  : Object.keys(GROUPS).filter((name) => !NOT_BY_DEFAULT.has(name))) {
  fresh.push(...(await runGroup(name, Number(values.rounds), Number(values.seconds))));
}
const all = keep(fresh);
if (!values["no-readme"]) writeReadme(all);
process.exitCode = fresh.some(({ reached }) => reached === false) ? 1 : 0;
