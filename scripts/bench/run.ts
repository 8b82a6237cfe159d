/**
 * Measures portcache beside its peers on this machine (README.md here): all groups, or those that are named. Exits 1 if a goal is
 * missed, 2 if something could not be measured. Needs dist/portcache, nginx, wrk, curl and wget.
 *
 *   bun scripts/bench/run.ts [GROUP…] [--rounds 3] [--seconds 3] [--soak 120] [--no-docs]
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { createTempFolder } from "../../src/testing/temp.ts";
import type { Effort, Group } from "./lib/group.ts";
import { runGuarded } from "./lib/guard.ts";
import { loadAverage, withChildren } from "./lib/procfs.ts";
import { type Result, resultLine, resultTable, toResult } from "./lib/result.ts";

/** In the order of the table. */
const GROUPS: Readonly<Record<string, () => Promise<{ readonly group: Group }>>> = {
  hits: () => import("./groups/hits.ts"),
  miss: () => import("./groups/miss.ts"),
  cold: () => import("./groups/cold.ts"),
  fanout: () => import("./groups/fanout.ts"),
  multisource: () => import("./groups/multisource.ts"),
  downloads: () => import("./groups/downloads.ts"),
  mirrors: () => import("./groups/mirrors.ts"),
  crates: () => import("./groups/crates.ts"),
  index: () => import("./groups/index.ts"),
  resolver: () => import("./groups/resolver.ts"),
  dashboards: () => import("./groups/dashboards.ts"),
  idle: () => import("./groups/idle.ts"),
  soak: () => import("./groups/soak.ts"),
};
/** A group that takes longer hangs. */
const LIMIT_MS = 6 * 60_000;
const RESULTS = `${import.meta.dir}/results.json`;
const PAGE = `${import.meta.dir}/../../docs/benchmarks.md`;
const [BEGIN, END] = ["<!-- bench:begin -->", "<!-- bench:end -->"];

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

async function runGroup(name: string, effort: Effort): Promise<readonly Result[]> {
  const { group } = (await GROUPS[name]?.()) ?? {};
  if (!group) throw new Error(`Unknown group ${name}`);
  const at = new Date().toISOString();
  const load = loadAverage();
  say(`${name}: ${group.about} (load average ${load})`);
  using folder = createTempFolder(`${name}-`);
  const measurements = await group.run({ ...effort, file: folder.file, say: (line) => say(`  … ${line}`) });
  const results = measurements.map((measurement) => toResult(measurement, name, at, load));
  for (const result of results) say(resultLine(result));
  return results;
}

/** Replaces the groups' old results, in the order of GROUPS. */
function keep(fresh: readonly Result[]): readonly Result[] {
  const before: readonly Result[] = existsSync(RESULTS) ? JSON.parse(readFileSync(RESULTS, "utf8")) : [];
  const renewed = new Set(fresh.map(({ group }) => group));
  const all = [...before.filter(({ group }) => !renewed.has(group)), ...fresh];
  const order = Object.keys(GROUPS);
  const sorted = all.toSorted((a, b) => order.indexOf(a.group) - order.indexOf(b.group));
  writeFileSync(RESULTS, `${JSON.stringify(sorted, null, 1)}\n`);
  return sorted;
}

function writePage(results: readonly Result[]): void {
  const text = readFileSync(PAGE, "utf8");
  const [begin, end] = [text.indexOf(BEGIN), text.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error(`docs/benchmarks.md has no ${BEGIN} … ${END}`);
  const table = `${BEGIN}\n\n${resultTable(results)}\n\n`;
  writeFileSync(PAGE, `${text.slice(0, begin)}${table}${text.slice(end)}`);
}

interface Arguments {
  readonly groups: readonly string[];
  readonly effort: Effort;
  readonly writesPage: boolean;
}

/** @throws {Error} for an unknown group or option, or an invalid number */
function readArguments(args: readonly string[]): Arguments {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      rounds: { type: "string", default: "3" },
      seconds: { type: "string", default: "3" },
      soak: { type: "string", default: "120" },
      "no-docs": { type: "boolean", default: false },
    },
  });
  const unknown = positionals.find((name) => !(name in GROUPS));
  if (unknown !== undefined)
    throw new Error(`Unknown group ${unknown}, expected one of ${Object.keys(GROUPS).join(", ")}`);
  const [rounds, seconds, soakSeconds] = [values.rounds, values.seconds, values.soak].map(Number);
  if (!(rounds && seconds && soakSeconds))
    throw new Error("Expected numbers above 0 for --rounds, --seconds and --soak");
  return {
    groups: positionals.length > 0 ? positionals : Object.keys(GROUPS),
    effort: { rounds, seconds, soakSeconds },
    writesPage: !values["no-docs"],
  };
}

async function within<T>(limitMs: number, work: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(`it takes more than ${limitMs / 60_000} minutes`)), limitMs);
  return await Promise.race([work, late.promise]).finally(() => clearTimeout(timer));
}

async function main({ groups, effort, writesPage }: Arguments): Promise<number> {
  const startedAt = performance.now();
  const took: string[] = [];
  let exit = 0;
  for (const name of groups) {
    const begunAt = performance.now();
    try {
      const fresh = await within(LIMIT_MS, runGroup(name, effort));
      const all = keep(fresh);
      if (writesPage) writePage(all);
      if (fresh.some(({ reached }) => reached === false)) exit = Math.max(exit, 1);
    } catch (error) {
      exit = 2;
      say(`  CANNOT be measured: ${error instanceof Error ? error.message : error}`);
    }
    // Processes that a failed group left behind would disturb the next.
    for (const pid of withChildren(process.pid).slice(1)) process.kill(pid, "SIGKILL");
    took.push(`${name} ${Math.round((performance.now() - begunAt) / 1000)} s`);
    say(`  ${took.at(-1)}`);
  }
  say(`${took.join(", ")}: ${((performance.now() - startedAt) / 60_000).toFixed(1)} minutes`);
  return exit;
}

const args = readArguments(process.argv.slice(2));
process.exit(await runGuarded(import.meta.path, () => main(args)));
