/**
 * Evaluates every ebuild of whole repositories, and compares the results with the repositories' own md5-cache, and those of a
 * sample with Portage's own `bin/ebuild.sh depend` (a checkout's). NAME is a repository's name in the masters of others.
 *
 *   bun scripts/evaluate-repositories.ts [--sandbox bubblewrap|unshare|none]
 *     [--portage CHECKOUT [--sample PACKAGES [--only-sample]]] [NAME=]PATH…
 */
import { readFileSync } from "node:fs";
import { basename, dirname, resolve } from "node:path";
import { parseArgs } from "node:util";
import type { Repository } from "../src/repos/discover.ts";
import { createPackageBudget, type Ebuild, listEbuilds, readMd5Cache } from "../src/repos/ebuilds.ts";
import { createEvaluator, type Evaluator } from "../src/repos/evaluate.ts";
import { createFileCache, md5Of } from "../src/repos/file-cache.ts";
import { splitPf } from "../src/repos/formats/ebuild-eapi.ts";
import type { CachedMetadata, EbuildMetadata } from "../src/repos/formats/md5-cache.ts";
import { parseSrcUri } from "../src/repos/formats/src-uri.ts";
import { createMasters } from "../src/repos/masters.ts";
import { openSandbox } from "../src/repos/sandbox/choose.ts";
import { BARE, createPortageDepend, differencesOf } from "./portage-depend.ts";

/** Nothing is noted, and nobody else waits for the event loop. */
const noted = () => undefined;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    sandbox: { type: "string", default: "bubblewrap" },
    portage: { type: "string" },
    sample: { type: "string", default: "150" },
    "only-sample": { type: "boolean", default: false },
  },
});

interface Package {
  readonly repository: Repository;
  readonly category: string;
  readonly name: string;
  readonly folder: string;
  readonly eclassFolders: readonly string[];
  readonly ebuilds: readonly Ebuild[];
}

function readRepository(argument: string): Repository {
  const [, alias, path = ""] = /^(?:([\w-]+)=)?(.*)$/.exec(argument) ?? [];
  const location = resolve(path);
  const name = readFileSync(`${location}/profiles/repo_name`, "utf8").trim();
  return { name, location, ...(alias === undefined ? {} : { aliases: [alias] }) };
}

const repositories = positionals.map(readRepository);
const masters = createMasters({
  discovered: () => ({ repositories, mastersOnly: [] }),
  customMirrorsPath: "/nonexistent",
});
const eclassMd5s = createFileCache("eclass", md5Of);

async function listPackages(repository: Repository): Promise<readonly Package[]> {
  const eclassFolders = await masters.eclassFolders(repository);
  const folders = new Set<string>();
  for (const path of new Bun.Glob("*/*/*.ebuild").scanSync(repository.location)) folders.add(dirname(path));
  return Promise.all(
    [...folders].sort().map(async (path) => {
      const [category, name, folder] = [dirname(path), basename(path), `${repository.location}/${path}`];
      return {
        repository,
        category,
        name,
        folder,
        eclassFolders,
        ebuilds: (await listEbuilds(folder, name, createPackageBudget(), noted, noted)).ebuilds,
      };
    }),
  );
}

/** Formats what matters for fetching, as text to compare. */
function pairsOf({ srcUri, eapi }: EbuildMetadata): string {
  const { files, problem } = parseSrcUri(srcUri, eapi);
  const pairs = [...files].flatMap(([file, uris]) => [
    file,
    ...uris.map(({ uri, lifts }) => `${file} ${lifts} ${uri}`),
  ]);
  return [...new Set(pairs)].sort().join("\n") + (problem ?? "");
}

const words = (text: string) => [...new Set(text.split(" "))].sort().join(" ");

async function sameEclasses({ eclasses }: CachedMetadata, folders: readonly string[]): Promise<boolean> {
  for (const [name, md5] of eclasses) {
    const found = await Promise.all(folders.map((folder) => eclassMd5s.get(folder, `${folder}/${name}.eclass`)));
    if (found.findLast((known) => known !== undefined) !== md5) return false;
  }
  return true;
}

function evaluate(evaluator: Evaluator, { category, name, folder, eclassFolders, ebuilds }: Package) {
  return evaluator.evaluate({ category, package: name, folder, eclassFolders, ebuilds });
}

const percentile = (sorted: readonly number[], part: number) => sorted[Math.floor(sorted.length * part)] ?? 0;

/** Prints the first few of many. */
function list(title: string, lines: readonly string[]): void {
  for (const line of lines.slice(0, 20)) console.log(`  ${title}: ${line}`);
  if (lines.length > 20) console.log(`  ${title}: and ${lines.length - 20} more`);
}

interface Found {
  evaluated: number;
  /** Ebuilds that inherit an eclass from none of the given repositories: not a failure of the evaluation. */
  withoutEclass: number;
  readonly failures: string[];
  readonly complaints: string[];
  /** How many agree in the files' URIs, with the same eclasses as in md5-cache and with others. */
  readonly agree: Record<"same" | "other", { all: number; right: number }>;
  readonly differences: string[];
  /** Differences in RESTRICT, HOMEPAGE or names of eclasses, with the same eclasses. */
  readonly otherDifferences: string[];
  readonly times: number[];
}

async function compare(found: Found, pack: Package, ebuild: Ebuild, metadata: EbuildMetadata): Promise<void> {
  const { location } = pack.repository;
  const cached = await readMd5Cache(location, pack.category, ebuild, createPackageBudget(), noted, noted);
  if (!cached || "kind" in cached) return;
  const label = `${pack.category}/${ebuild.pf}`;
  const kind = (await sameEclasses(cached, pack.eclassFolders)) ? "same" : "other";
  const right = pairsOf(metadata) === pairsOf(cached.metadata);
  found.agree[kind].all++;
  if (right) found.agree[kind].right++;
  else found.differences.push(`${label} (${kind} eclasses)`);
  if (kind === "other") return;
  for (const key of ["restrict", "homepage"] as const) {
    if (words(metadata[key]) !== words(cached.metadata[key])) found.otherDifferences.push(`${label} ${key}`);
  }
  if (words(metadata.inherited.join(" ")) !== words([...cached.eclasses.keys()].join(" "))) {
    found.otherDifferences.push(`${label} eclasses`);
  }
}

async function evaluateAll(evaluator: Evaluator, packages: readonly Package[]): Promise<Found> {
  const agree = { same: { all: 0, right: 0 }, other: { all: 0, right: 0 } };
  const found: Found = {
    ...{ evaluated: 0, withoutEclass: 0, failures: [], complaints: [], agree },
    ...{ differences: [], otherDifferences: [], times: [] },
  };
  for (const pack of packages) {
    const start = performance.now();
    const evaluations = await evaluate(evaluator, pack);
    found.times.push(performance.now() - start);
    for (const ebuild of pack.ebuilds) {
      const label = `${pack.category}/${ebuild.pf}`;
      const evaluation = evaluations.get(ebuild.pf);
      if (evaluation?.kind !== "evaluated") {
        if (/and there is no \S+\.eclass$/.test(evaluation?.reason ?? "")) found.withoutEclass++;
        else found.failures.push(`${label} ${evaluation?.reason}`);
        continue;
      }
      found.evaluated++;
      if (evaluation.complaint !== undefined) found.complaints.push(`${label} ${evaluation.complaint}`);
      await compare(found, pack, ebuild, evaluation.metadata);
    }
  }
  return found;
}

function print(name: string, { evaluated, withoutEclass, agree, times, ...found }: Found): void {
  const seconds = times.reduce((sum, time) => sum + time, 0) / 1000;
  const sorted = times.toSorted((a, b) => a - b);
  const all = evaluated + withoutEclass + found.failures.length;
  console.log(`${name}: ${evaluated} of ${all} ebuilds evaluated in ${seconds.toFixed(1)} s`);
  if (withoutEclass > 0) console.log(`  ${withoutEclass} inherit an eclass that is in none of the given repositories`);
  console.log(`  ${(all / seconds).toFixed(0)} ebuilds/s, one package at a time`);
  const [half, most] = [percentile(sorted, 0.5), percentile(sorted, 0.9)];
  console.log(`  ${times.length} packages: p50 ${half.toFixed(0)} ms, p90 ${most.toFixed(0)} ms`);
  const of = ({ right, all }: { right: number; all: number }) => `${right} of ${all}`;
  console.log(`  files and URIs as in md5-cache: ${of(agree.same)} with its eclasses, ${of(agree.other)} with others`);
  list("failed", found.failures);
  list("complaint", found.complaints);
  list("differs", found.differences);
  list("differs otherwise", found.otherDifferences);
}

/** Picks evenly spread packages of all repositories, without those that Portage needs another bash for. */
function sampleOf(packages: readonly Package[], size: number): readonly Package[] {
  const step = Math.max(1, packages.length / size);
  const chosen = Array.from({ length: Math.min(size, packages.length) }, (_, i) => packages[Math.floor(i * step)]);
  return chosen.flatMap((pack) => {
    const ebuilds = pack?.ebuilds.filter(({ eapi }) => eapi !== "9") ?? [];
    return pack && ebuilds.length > 0 ? [{ ...pack, ebuilds }] : [];
  });
}

async function timed<T>(promise: Promise<T>): Promise<readonly [T, number]> {
  const start = performance.now();
  return [await promise, performance.now() - start];
}

async function comparePortage(sandboxed: Evaluator, checkout: string, packages: readonly Package[]): Promise<number> {
  // Its children, which alone are measured, inherit this core.
  Bun.spawnSync(["taskset", "-acp", "1", `${process.pid}`]);
  using portage = createPortageDepend(checkout);
  const alone = createEvaluator(BARE);
  const seconds = { sandboxed: 0, alone: 0, portage: 0 };
  const differences: string[] = [];
  let ebuilds = 0;
  for (const pack of packages) {
    const [, sandboxedMs] = await timed(evaluate(sandboxed, pack));
    const [evaluations, aloneMs] = await timed(evaluate(alone, pack));
    seconds.sandboxed += sandboxedMs / 1000;
    seconds.alone += aloneMs / 1000;
    for (const { pf, eapi } of pack.ebuilds) {
      const name = splitPf(pf);
      if (!name) continue;
      const [theirs, ms] = await timed(portage.run({ ...pack, ...name, pf, eapi }));
      seconds.portage += ms / 1000;
      ebuilds++;
      for (const key of differencesOf(evaluations.get(pf), theirs)) differences.push(`${pack.category}/${pf} ${key}`);
    }
  }
  const rate = (sum: number) => `${(ebuilds / sum).toFixed(1)} ebuilds/s`;
  const ratio = (sum: number) => `${(seconds.portage / sum).toFixed(2)} times as fast`;
  console.log(`${ebuilds} ebuilds of ${packages.length} packages, all on one core:`);
  console.log(`  Portage's ebuild.sh depend, bash alone: ${rate(seconds.portage)}`);
  console.log(`  ours, bash alone: ${rate(seconds.alone)}, ${ratio(seconds.alone)}`);
  console.log(`  ours, sandboxed by ${values.sandbox}: ${rate(seconds.sandboxed)}, ${ratio(seconds.sandboxed)}`);
  list("not as in Portage", differences);
  return differences.length;
}

const kind = (["bubblewrap", "unshare", "none"] as const).find((one) => one === values.sandbox);
if (kind === undefined || repositories.length === 0)
  throw new Error("No such sandbox, or no repositories: see the head of this file");
const evaluator = createEvaluator(await openSandbox(kind));
const packages = await Promise.all(repositories.map(listPackages));
let bad = 0;
for (const [i, repository] of values["only-sample"] ? [] : repositories.entries()) {
  const found = await evaluateAll(evaluator, packages[i] ?? []);
  print(repository.name, found);
  bad += found.failures.length + found.agree.same.all - found.agree.same.right;
}
if (values.portage !== undefined) {
  bad += await comparePortage(evaluator, values.portage, sampleOf(packages.flat(), Number(values.sample)));
}
process.exit(bad > 0 ? 1 : 0);
