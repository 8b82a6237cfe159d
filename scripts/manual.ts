/**
 * Writes the manual pages and the completions of shells below a folder, as they lie below share/.
 *
 *   bun scripts/manual.ts FOLDER
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { version } from "../package.json" with { type: "json" };
import { manualFiles } from "../src/cli/manual.ts";

const [folder] = process.argv.slice(2);
if (folder === undefined) {
  console.error("usage: bun scripts/manual.ts FOLDER");
  process.exit(2);
}
for (const { path, text } of manualFiles(version)) {
  const file = join(folder, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}
