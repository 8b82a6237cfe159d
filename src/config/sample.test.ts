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

test("as it is it changes nothing", () => {
  const { config, origins } = load(formatSample());
  const defaults = loadConfig({ env: {}, defaultFile: "/nonexistent" });
  expect(config).toEqual(defaults.config);
  expect(
    Object.values(origins)
      .flatMap((section) => Object.values(section))
      .includes("file"),
  ).toBe(false);
});

test("with every # taken away it sets every key to its default", () => {
  const uncommented = formatSample().replace(/^#(?=\w)/gm, "");
  const { config, origins } = load(uncommented);
  expect(Object.values(origins).flatMap((section) => Object.values(section))).toEqual(allSettings().map(() => "file"));
  expect({ ...config.storage, location: "" }).toEqual({
    ...loadConfig({ env: {}, defaultFile: "/nonexistent" }).config.storage,
    location: "",
  });
});

test("no line is longer than a terminal is wide", () => {
  for (const line of formatSample().split("\n")) expect(line.length).toBeLessThanOrEqual(101);
});
