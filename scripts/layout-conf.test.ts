/**
 * Fetches 200 files with wget through the executable from a mirror that has only the hashed layout, and whose layout.conf fails
 * every third time: each start with a new store asks for it anew.
 */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync } from "node:fs";
import { type GeneratedContent, readContent } from "../src/testing/content.ts";
import { startExecutable } from "../src/testing/executable.ts";
import { type FakeUpstream, startFakeUpstream } from "../src/testing/fake-upstream.ts";
import type { Fault } from "../src/testing/faults.ts";
import { writeRepository } from "../src/testing/repository.ts";
import { createTempFolder } from "../src/testing/temp.ts";

setDefaultTimeout(120_000);

const STARTS = 10;
const FILES_PER_START = 20;
const FAULTS: readonly Fault[] = [
  { kind: "status", status: 503 },
  { kind: "html" },
  { kind: "status", status: 429 },
  { kind: "reset" },
];

const folder = createTempFolder("portcache-layout-");
const names = Array.from({ length: STARTS * FILES_PER_START }, (_, i) => `file-${i}.tar.gz`);
const contentOf = (i: number): GeneratedContent => ({ size: 1000 + 50 * i, seed: i });
let mirror: FakeUpstream;
let asked = 0;
let repository: string;

beforeAll(async () => {
  mirror = await startFakeUpstream({
    files: new Map(names.map((name, i) => [name, contentOf(i)])),
    layoutConf: "[structure]\n0=filename-hash BLAKE2B 8\n",
    onRequest(file) {
      if (file !== "layout.conf") return;
      const fault = FAULTS[Math.floor(asked / 3) % FAULTS.length];
      mirror.setFault(file, ...(asked++ % 3 === 0 && fault ? [fault] : []));
    },
  });
  const written = writeRepository(folder.file("repository"));
  written.put("app-misc/many", { dist: Object.fromEntries(names.map((name, i) => [name, contentOf(i)])) });
  repository = written.location;
});

afterAll(async () => {
  await mirror.close();
  folder.remove();
});

async function wget(url: string, target: string): Promise<string> {
  const child = Bun.spawn(["wget", "-t", "3", "-T", "60", "-O", target, url], {
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
  });
  const [said, exit] = await Promise.all([child.stderr.text(), child.exited]);
  return exit === 0 ? "done" : `exit ${exit} ${said}`;
}

test("wget gets 200 files from a mirror whose layout.conf fails every third time", async () => {
  for (let start = 0; start < STARTS; start++) {
    await using server = await startExecutable({
      settings: { fetcher: { mirrors: [mirror.url] }, repo: { repos: [repository] } },
    });
    for (let i = start * FILES_PER_START; i < (start + 1) * FILES_PER_START; i++) {
      const target = folder.file(`${names[i]}.__download__`);
      expect([names[i], await wget(`${server.url}/distfiles/${names[i]}`, target)]).toEqual([names[i], "done"]);
      expect(Buffer.compare(readFileSync(target), readContent(contentOf(i)))).toBe(0);
    }
  }
  expect(asked).toBeGreaterThanOrEqual(STARTS);
});
