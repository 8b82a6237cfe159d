/**
 * Fails each disk operation of a download with EIO, ENOSPC or EDQUOT: calls of the C library by a preloaded library, system calls
 * of the runtime by strace --inject. Every client gets its complete file in one response, nothing half-written stays, and the
 * store takes files again once the disk works.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { type Content, readContent } from "../src/testing/content.ts";
import { type Server, startExecutable } from "../src/testing/executable.ts";
import { type FakeUpstream, startFakeUpstream } from "../src/testing/fake-upstream.ts";
import { writeRepository } from "../src/testing/repository.ts";
import { distfilePath, untilHealthy, untilStored } from "../src/testing/stored.ts";
import { createTempFolder } from "../src/testing/temp.ts";

const MIB = 1024 * 1024;
const EIO = 5;
const ENOSPC = 28;

interface Case {
  readonly fault: string;
  readonly name: string;
  readonly content: { readonly size: number; readonly seed: number };
  /** Whether the part file that an earlier download left is wrong, so that the download starts over. */
  readonly corrupt: boolean;
  /** Whether the file is stored in spite of the fault. */
  readonly stored: boolean;
}

const cases: Case[] = [];

const folderOf = (name: string) => dirname(distfilePath(name));
const wellName = (i: number) => `well-${i}.zip`;
const folders = new Set(Array.from({ length: 80 }, (_, i) => folderOf(wellName(i))));

/** Returns a name whose folder of the store does not exist yet. */
function newName(i: number): string {
  for (let n = 0; ; n++) {
    const name = `f-${i}-${n}.tar.xz`;
    if (folders.has(folderOf(name))) continue;
    folders.add(folderOf(name));
    return name;
  }
}

function add(fault: string, size: number, { corrupt = false, stored = false } = {}): void {
  const name = newName(cases.length);
  cases.push({ fault, name, content: { size, seed: 100 + cases.length }, corrupt, stored });
}

for (const size of [300_000, 9 * MIB + 5]) {
  for (const error of ["EIO", "ENOSPC", "EDQUOT"]) {
    // strace counts calls by thread.
    for (const first of size > MIB ? [1, 2, 4] : [1]) add(`inject=pwrite64:error=${error}:when=${first}+`, size);
    add(`inject=openat:error=${error}`, size);
  }
  for (const error of [EIO, ENOSPC]) {
    for (const call of ["fsync", "rename", "fchmod", "futimens"]) add(`${call} /partial/ ${error} 0`, size);
    // The file is renamed by then, but a power cut could undo that: it does not count as stored.
    add(`fsync /distfiles/ ${error} 0`, size);
    add(`mkdir /distfiles/ ${error} 0`, size);
    add(`pwrite index.sqlite ${error} 0`, size, { stored: true });
  }
}
add(`ftruncate /partial/ ${EIO} 0`, 300_000, { corrupt: true });
// Syncing during the download is only a hint; the fsync at the end counts.
add(`fdatasync /partial/ ${EIO} 0`, 34 * MIB, { stored: true });

const folder = createTempFolder("portcache-faulty-");
const control = folder.file("faults");
const location = folder.file("store");
const library = folder.file("faulty-disk.so");
let mirror: FakeUpstream;
let server: Server;

beforeAll(async () => {
  const source = `${import.meta.dir}/faulty-disk.c`;
  const built = Bun.spawnSync(["gcc", "-shared", "-fPIC", "-O", "-nostdlib", "-w", "-o", library, source]);
  if (built.exitCode !== 0) throw new Error(`Cannot build ${source}: ${built.stderr}`);
  const well = { size: 50_000, seed: 99 };
  const dist = Object.fromEntries(cases.map(({ name, content }) => [name, content] as const));
  mirror = await startFakeUpstream({ files: new Map<string, Content>(Object.entries(dist)) });
  for (let i = 0; i < cases.length; i++) {
    dist[wellName(i)] = well;
    mirror.files.set(wellName(i), well);
  }
  writeRepository(folder.file("repository")).put("app-misc/some", { dist });
  server = await startExecutable({
    location,
    settings: {
      repo: { repos: [folder.file("repository")], evaluate: "never" },
      fetcher: { mirrors: [mirror.url], read_ahead: 0 },
      storage: { min_free: 0 },
    },
    env: { LD_PRELOAD: library, FAULTS: control },
  });
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await mirror.close();
  folder.remove();
});

async function expectRight(name: string, content: Content): Promise<void> {
  const answer = await fetch(`${server.url}/distfiles/${name}`, { decompress: false });
  const bytes = await answer.bytes();
  expect([name, answer.status, Buffer.compare(bytes, readContent(content))]).toEqual([name, 200, 0]);
}

const pathOf = (name: string) => location + distfilePath(name);

/** Expects that a file under its final name is complete, whatever the index says. */
function expectWhole(name: string, content: Content): void {
  if (!existsSync(pathOf(name))) return;
  expect([name, Buffer.compare(readFileSync(pathOf(name)), readContent(content))]).toEqual([name, 0]);
}

/** Lets system calls on a part file fail. @returns what ends that and says whether any call failed */
async function inject(fault: string, name: string): Promise<() => Promise<boolean>> {
  const seen = folder.file("strace");
  const part = `${location}/partial/${name}`;
  const call = /^inject=(\w+)/.exec(fault)?.[1] ?? "";
  const command = [
    "strace",
    "-f",
    "-p",
    String(server.pid),
    "-P",
    part,
    "-e",
    `trace=${call}`,
    "-e",
    fault,
    "-o",
    seen,
  ];
  const strace = Bun.spawn(command, { stderr: "pipe", stdout: "ignore" });
  const reader = strace.stderr.getReader();
  const message = Buffer.from((await reader.read()).value ?? []);
  if (!message.includes("attached")) throw new Error(`strace cannot attach: ${message}`);
  return async () => {
    strace.kill("SIGINT");
    await strace.exited;
    return readFileSync(seen, "utf8").includes("INJECTED");
  };
}

/** Lets calls of the C library fail, as the preloaded library reads from its file. @returns as inject() */
async function preload(fault: string): Promise<() => Promise<boolean>> {
  rmSync(`${control}.hits`, { force: true });
  writeFileSync(control, fault);
  return async () => {
    // Some calls are made after the client has its file.
    for (let waits = 0; waits < 200 && !existsSync(`${control}.hits`); waits++) await Bun.sleep(10);
    writeFileSync(control, "");
    return existsSync(`${control}.hits`);
  };
}

for (const [i, { fault, name, content, corrupt, stored }] of cases.entries()) {
  test(`${fault} at ${content.size} bytes${corrupt ? ", after a wrong part file" : ""}: the client gets its file`, async () => {
    if (corrupt) writeFileSync(`${location}/partial/${name}`, "wrong".repeat(1000));
    const end = await (fault.startsWith("inject") ? inject(fault, name) : preload(fault));
    try {
      await expectRight(name, content);
    } finally {
      expect(await end()).toBe(true);
    }
    if (stored) await untilStored(`${server.url}/distfiles/${name}`);
    expectWhole(name, content);
    if (stored) expect(existsSync(pathOf(name))).toBe(true);
    for (let tries = 0; tries < 100 && readdirSync(`${location}/partial`).length > 0; tries++) await Bun.sleep(10);
    expect(readdirSync(`${location}/partial`)).toEqual([]);
    // The disk works again: the next file is stored, and the server is healthy.
    await expectRight(wellName(i), { size: 50_000, seed: 99 });
    await untilStored(`${server.url}/distfiles/${wellName(i)}`);
    expect(existsSync(pathOf(wellName(i)))).toBe(true);
    await untilHealthy(server.url);
    await expectRight(name, content);
    expectWhole(name, content);
  }, 40_000);
}

test("each outage of the store is logged once, and so is its end", () => {
  const log = server.log();
  const refused = log.match(/The store takes no files/g)?.length ?? 0;
  expect(refused).toBeGreaterThan(0);
  // Many more files were refused than that.
  expect(refused).toBeLessThan(5);
  expect(log.match(/The store takes files again/g)?.length).toBe(refused);
  expect(log).not.toMatch(/TypeError|ReferenceError| at .*\(/);
});
