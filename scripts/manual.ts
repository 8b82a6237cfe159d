/**
 * Writes what is generated from the sources for people and shells: FOLDER/share with the manual pages and completions, and
 * FOLDER/portcache.toml, the sample configuration.
 *
 *   bun scripts/manual.ts FOLDER
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { version } from "../package.json" with { type: "json" };
import { manualFiles } from "../src/cli/manual.ts";
import { formatSample } from "../src/config/sample.ts";

const [folder] = process.argv.slice(2);
if (folder === undefined) {
  console.error("usage: bun scripts/manual.ts FOLDER");
  process.exit(2);
}
for (const { path, text } of manualFiles(version)) {
  const file = join(folder, "share", path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}
writeFileSync(join(folder, "portcache.toml"), formatSample());
