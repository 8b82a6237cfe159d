import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { loadConfig } from "./load.ts";
import { formatSample } from "./sample.ts";
import { allSettings } from "./schema.ts";

const folder = mkdtempSync(`${tmpdir()}/portcache-sample-`);
afterAll(() => rmSync(folder, { recursive: true }));

function load(text: string) {
  writeFileSync(`${folder}/portcache.toml`, text);
  return loadConfig({ env: {}, file: `${folder}/portcache.toml` });
}

test("the sample file changes nothing", () => {
  const { config, origins } = load(formatSample());
  const defaults = loadConfig({ env: {}, defaultFile: "/nonexistent" });
  expect(config).toEqual(defaults.config);
  expect(
    Object.values(origins)
      .flatMap((section) => Object.values(section))
      .includes("file"),
  ).toBe(false);
});

test("the sample file without its # sets every key to its default", () => {
  const uncommented = formatSample().replace(/^#(?=\w)/gm, "");
  const { config, origins } = load(uncommented);
  expect(Object.values(origins).flatMap((section) => Object.values(section))).toEqual(allSettings().map(() => "file"));
  expect({ ...config.storage, location: "" }).toEqual({
    ...loadConfig({ env: {}, defaultFile: "/nonexistent" }).config.storage,
    location: "",
  });
});

test("lines fit a terminal", () => {
  for (const line of formatSample().split("\n")) expect(line.length).toBeLessThanOrEqual(101);
});
