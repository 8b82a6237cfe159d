/**
 * Writes the reference of all settings into docs/configuration.md; with --check it writes nothing and exits 1 if it would.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { formatReference, placeReference } from "../src/config/reference.ts";

const PAGE = `${import.meta.dir}/../docs/configuration.md`;

function run(checkOnly: boolean): number {
  const page = readFileSync(PAGE, "utf8");
  const renewed = placeReference(page, formatReference());
  if (renewed === undefined) {
    console.error(
      "Cannot place the reference: docs/configuration.md has no config-reference:begin and config-reference:end",
    );
    return 1;
  }
  if (renewed === page) return 0;
  if (checkOnly) {
    console.error("docs/configuration.md is out of date: run bun scripts/config-reference.ts");
    return 1;
  }
  writeFileSync(PAGE, renewed);
  return 0;
}

process.exitCode = run(process.argv.includes("--check"));
