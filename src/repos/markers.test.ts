import { afterAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readMarkers } from "./markers.ts";

const base = mkdtempSync(join(tmpdir(), "portcache-markers-"));
afterAll(() => rmSync(base, { recursive: true }));

test("a repository without markers, or a missing one, has empty markers", () => {
  expect(readMarkers(base)).toBe("");
  expect(readMarkers(`${base}/none`)).toBe("");
});

test.each(["metadata/timestamp.chk", "metadata/timestamp.commit", "metadata/timestamp.x", ".git/HEAD", ".git/index"])(
  "%s shows by its coming, its size, its time (backwards too) and its going",
  (file) => {
    const root = mkdtempSync(join(base, "repository-"));
    for (const folder of ["metadata", ".git/logs"]) mkdirSync(`${root}/${folder}`, { recursive: true });
    writeFileSync(`${root}/.git/logs/HEAD`, "x");
    const path = `${root}/${file}`;
    const seen = [readMarkers(root)];
    writeFileSync(path, "one");
    seen.push(readMarkers(root));
    expect(readMarkers(root)).toBe(seen[1] ?? "");
    writeFileSync(path, "three");
    seen.push(readMarkers(root));
    utimesSync(path, 1, 1);
    seen.push(readMarkers(root));
    expect(new Set(seen).size).toBe(4);
    rmSync(path);
    expect(readMarkers(root)).toBe(seen[0] ?? "");
  },
);
