/**
 * Compares docs/bounds.md with the constants in src/.
 */
import { expect, test } from "bun:test";
import { globSync, readFileSync } from "node:fs";

const root = `${import.meta.dir}/..`;
const read = (path: string) => readFileSync(`${root}/${path}`, "utf8");

/** Constants that tune something, and bound nothing that others send or cause. */
const TUNING = new Set([
  "actions/import-batch.ts BYTES_AT_ONCE",
  "actions/import-folder.ts BATCHES_AT_ONCE",
  "actions/import-folder.ts MAX_DEPTH",
  "actions/import.ts MAX_FILES",
  "cache/mirror-files/freshness.ts MAX_SECONDS",
  "cache/read-ahead.ts MAX_UNSTORED_FACTOR",
  "cache/recover.ts ROWS_AT_ONCE",
  "cli/args.ts MAX_PROBLEMS",
  "cli/clean-command.ts MAX_SHOWN",
  "cli/client-test.ts MAX_TRIED",
  "cli/fetch-command.ts MAX_SHOWN",
  "cli/progress.ts MAX_BARS",
  "config/nearest.ts MAX_MISTAKES",
  "eviction/clean-up.ts MAX_PASSES",
  "eviction/clock-watch.ts MAX_GAP_MS",
  "eviction/policy.ts MAX_FREE_INODES",
  "fetch/flights.ts MAX_SYNC_MS",
  "fetch/segment-plan.ts MAX_SEGMENT_BYTES",
  "fetch/segment-worker.ts MAX_FIRST_BYTE_MS",
  "fetch/source-queue.ts MAX_IDLE_ROUNDS",
  "http/api/events.ts MAX_BEHIND_TICKS",
  "http/request-log.ts MAX_NAME",
  "http/target.ts MAX_BESIDE_PATH",
  "lib/line-writer.ts MAX_UNBATCHED",
  "lib/steps.ts MAX_REST_MS",
  "mirrors/contents.ts MAX_ANSWERS",
  "mirrors/host-stats.ts MAX_HEDGE_DELAY_MS",
  "mirrors/host-stats.ts MAX_OPEN_MS",
  "mirrors/host-stats.ts MAX_REQUESTS_COUNTED",
  "mirrors/hosts.ts MAX_RANGELESS_MS",
  "mirrors/selection.ts MAX_CREDIT_FILES",
  "index/manifests.ts PRUNED_AT_ONCE",
  "index/package-search.ts ROWS_AT_ONCE",
  "index/request-history.ts FORGOTTEN_AT_ONCE",
  "index/request-history.ts LOOKED_AT_ONCE",
  "repos/ebuilds.ts READ_AT_ONCE",
  "repos/evaluate.ts MAX_SHORTENED",
  "repos/sandbox/processes.ts READ_AT_ONCE",
  "repos/scan-schedule.ts MAX_WAIT_MS",
  "repos/sync/run-command.ts MAX_FILE_BLOCKS",
  "repos/sync/size-limit.ts MAX_BESIDE_PATH",
  "repos/uri-names.ts READ_AT_ONCE",
  "store/memory-cache.ts MAX_FILE_SHARE",
  "upstream/host-gate.ts MAX_HELD_MS",
  "upstream/request.ts MAX_DRAIN_BYTES",
  "upstream/request.ts MAX_DRAIN_MS",
]);

const UNITS: Readonly<Record<string, number>> = {
  "": 1,
  characters: 1,
  bytes: 1,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
  ms: 1,
  s: 1000,
  h: 3_600_000,
};

/** Returns the number of a cell such as `8 KiB`. */
function numberOf(cell: string): number {
  const [, digits = "", unit = ""] = /^([\d,]+) ?(\w*)$/.exec(cell) ?? [];
  return Number(digits.replaceAll(",", "")) * (UNITS[unit] ?? Number.NaN);
}

/** Evaluates the products of numbers and other constants that constants are written as. */
function productOf(expression: string, file: string): number {
  return expression.split("*").reduce((product, factor) => {
    const text = factor.trim().replaceAll("_", "");
    return product * (/^\d+$/.test(text) ? Number(text) : constantIn(file, factor.trim()));
  }, 1);
}

function constantIn(file: string, name: string): number {
  const [constant = "", member] = name.split(".");
  const text = read(`src/${file}`);
  const [, literal] = new RegExp(`^(?:export )?const ${constant} = ([^;]+);`, "m").exec(text) ?? [];
  if (literal === undefined) {
    // It is imported.
    const [, from] = new RegExp(`import \\{[^}]*\\b${constant}\\b[^}]*\\} from "([^"]+)"`).exec(text) ?? [];
    if (from === undefined) return Number.NaN;
    return constantIn(new URL(from, `file:///${file}`).pathname.slice(1), name);
  }
  if (member === undefined) return productOf(literal, file);
  return productOf(new RegExp(`"?${member}"?: ([^,]+),`).exec(literal)?.[1] ?? "", file);
}

const ROWS = [...read("docs/bounds.md").matchAll(/^\| [^|]+ \| ([^|]+) \| [^|]+ \| `(\S+)` `(\S+)` \|$/gm)].map(
  ([, bound = "", file = "", name = ""]) => ({ bound, file, name }),
);

test("every bound on the page is the one in the code", () => {
  expect(ROWS.length).toBeGreaterThan(80);
  const wrong = ROWS.filter(({ bound, file, name }) => numberOf(bound) !== constantIn(file, name));
  expect(wrong.map(({ bound, file, name }) => `${file} ${name}: ${bound} on the page`)).toEqual([]);
});

test("every constant that bounds something is on the page", () => {
  const listed = new Set(ROWS.map(({ file, name }) => `${file} ${name.replace(/\..*/, "")}`));
  const files = globSync("**/*.ts", { cwd: `${root}/src` }).filter(
    (file) => !/\.test\.ts$|^testing\/|^dashboard\//.test(file),
  );
  const missing = files.flatMap((file) =>
    [...read(`src/${file}`).matchAll(/^(?:export )?const ((?:MAX|MOST)_\w+|\w*(?:AT_ONCE|SLOTS)) = /gm)]
      .map(([, name]) => `${file} ${name}`)
      .filter((one) => !listed.has(one) && !TUNING.has(one)),
  );
  expect(missing).toEqual([]);
});
