/**
 * Lists every regular expression that reads text of others, with its worst input, and times it: one event loop serves all clients, so
 * none may take more than linear time. One that is new in src/ has to be added to src/testing/listed-expressions.ts.
 */

import { expect, test } from "bun:test";
import { globSync, readFileSync } from "node:fs";
import { FOREIGN, OWN, type Row } from "../testing/listed-expressions.ts";
import { startProcessorTime } from "../testing/processor-time.ts";
import { regularExpressionsIn } from "../testing/regular-expressions.ts";

const MIB = 1024 * 1024;
/** Of processor time, for an input of 1 MiB or of the length that the text is cut to before. */
const MAX_MS = 20;

const FILES = globSync("src/**/*.ts", { cwd: `${import.meta.dir}/../..` })
  .filter((file) => !/\.test\.ts$|^src\/testing\//.test(file))
  .map((file) => ({ file, literals: regularExpressionsIn(readFileSync(`${import.meta.dir}/../../${file}`, "utf8")) }))
  .filter(({ file, literals }) => literals.length > 0 && OWN[file] === undefined);

function inputOf([, start, repeated, end]: Row, length: number): string {
  return start + repeated.repeat(Math.max(1, Math.floor(length / repeated.length))) + end;
}

/** Milliseconds of processor time, the best of a few runs: the first ones compile the expression. */
function timeOf(pattern: RegExp, text: string): number {
  let best = Number.POSITIVE_INFINITY;
  for (let run = 0; run < 4 && best > 2; run++) {
    const tookMs = startProcessorTime();
    text.replace(pattern, "");
    best = Math.min(best, tookMs());
  }
  return best;
}

test("the scanner finds regular expressions and nothing else", () => {
  const text =
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is a template of the source that is scanned
    'const a = b / c; // /no/\nx.replace(/[/"]a\\/b/gi, `${y.match(/c/)} /no/`); const d = "/no/"; return /e/.test(f) / g;';
  expect(regularExpressionsIn(text)).toEqual(['/[/"]a\\/b/gi', "/c/", "/e/"]);
});

test("every regular expression that reads text of others is listed", () => {
  const listed = Object.entries(FOREIGN).map(([file, rows]) => [file, rows.map(([pattern]) => String(pattern))]);
  expect(Object.fromEntries(listed)).toEqual(
    Object.fromEntries(FILES.map(({ file, literals }) => [file, [...new Set(literals)]])),
  );
  const made = globSync("src/**/*.ts", { cwd: `${import.meta.dir}/../..` })
    .filter((file) => !/\.test\.ts$|^src\/testing\//.test(file))
    .filter((file) => readFileSync(`${import.meta.dir}/../../${file}`, "utf8").includes("RegExp("));
  expect(made).toEqual(["src/repos/sandbox/processes.ts"]);
});

test("each takes at most 20 ms for 1 MiB of its worst input, or for as much as it is ever given", () => {
  const slow = Object.entries(FOREIGN).flatMap(([file, rows]) =>
    rows.flatMap((row) => {
      const ms = timeOf(row[0], inputOf(row, row[4] ?? MIB));
      return ms > MAX_MS ? [`${file} ${row[0]}: ${ms.toFixed(1)} ms`] : [];
    }),
  );
  expect(slow).toEqual([]);
});

test("none takes quadratic time for whatever may be repeated after its start", () => {
  const repeated = [" ", "a", "0", "/", ".", "-", '"', "\\", ":", "a.", "a ", "%(", "\n", "\t="];
  const slow = Object.entries(FOREIGN).flatMap(([file, rows]) =>
    rows.flatMap((row) =>
      repeated.flatMap((one) => {
        const ms = timeOf(row[0], inputOf([row[0], row[1], one, "\u0000"], Math.min(row[4] ?? MIB, MIB / 16)));
        return ms > MAX_MS ? [`${file} ${row[0]} with ${JSON.stringify(one)}: ${ms.toFixed(1)} ms`] : [];
      }),
    ),
  );
  expect(slow).toEqual([]);
});
