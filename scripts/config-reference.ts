/**
 * Writes the reference of all settings into README.md; with --check only tells (exit 1) whether it would change.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { formatReference, placeReference } from "../src/config/reference.ts";

const readme = `${import.meta.dir}/../README.md`;

function run(checkOnly: boolean): number {
  const page = readFileSync(readme, "utf8");
  const renewed = placeReference(page, formatReference());
  if (renewed === undefined) {
    console.error("Cannot place the reference: README.md has no config-reference:begin and config-reference:end");
    return 1;
  }
  if (renewed === page) return 0;
  if (checkOnly) {
    console.error("README.md does not show the settings as they are: run scripts/config-reference.ts");
    return 1;
  }
  writeFileSync(readme, renewed);
  return 0;
}

process.exitCode = run(process.argv.includes("--check"));
