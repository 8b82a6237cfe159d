/**
 * A disk that fails at each write of a download: full, over quota, broken. A library preloaded into the executable makes the
 * calls fail that go through the C library; those that the platform makes itself are made to fail by strace(1), --inject. Every client gets its whole file in one answer, nothing half-written stays, and once the disk is well the store
 * takes files again.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { type Content, readContent } from "../src/testing/content.ts";
import { type Server, startExecutable } from "../src/testing/executable.ts";
import { type FakeUpstream, startFakeUpstream } from "../src/testing/fake-upstream.ts";
import { writeRepository } from "../src/testing/repository.ts";
import { distfilePath, untilStored } from "../src/testing/stored.ts";
import { createTempFolder } from "../src/testing/temp.ts";

const MIB = 1024 * 1024;
const EIO = 5;
const ENOSPC = 28;

interface Case {
  readonly fault: string;
  readonly name: string;
  readonly content: { readonly size: number; readonly seed: number };
  /** A mirror gives wrong bytes first, so that the download starts over. */
  readonly lies: boolean;
  /** Whether it is stored in spite of it. */
  readonly stored: boolean;
}

const cases: Case[] = [];

const folderOf = (name: string) => dirname(distfilePath(name));
const wellName = (i: number) => `well-${i}.zip`;
const folders = new Set(Array.from({ length: 80 }, (_, i) => folderOf(wellName(i))));

/** Each in a folder of its own, which is yet to be made. */
function newName(i: number): string {
  for (let n = 0; ; n++) {
    const name = `f-${i}-${n}.tar.xz`;
    if (folders.has(folderOf(name))) continue;
    folders.add(folderOf(name));
    return name;
  }
}

function add(fault: string, size: number, { lies = false, stored = false } = {}): void {
  const name = newName(cases.length);
  cases.push({ fault, name, content: { size, seed: 100 + cases.length }, lies, stored });
}

for (const size of [300_000, 9 * MIB + 5]) {
  for (const error of ["EIO", "ENOSPC", "EDQUOT"]) {
    // Counted by thread.
    for (const first of size > MIB ? [1, 2, 4] : [1]) add(`inject=pwrite64:error=${error}:when=${first}+`, size);
    add(`inject=openat:error=${error}`, size);
  }
  for (const error of [EIO, ENOSPC]) {
    for (const call of ["fsync", "rename", "fchmod", "futimens"]) add(`${call} /partial/ ${error} 0`, size);
    // The file has its name by then, and may have lost it after a power cut: it is not relied on.
    add(`fsync /distfiles/ ${error} 0`, size);
    add(`mkdir /distfiles/ ${error} 0`, size);
    add(`pwrite index.sqlite ${error} 0`, size, { stored: true });
  }
}
add(`ftruncate /partial/ ${EIO} 0`, 300_000, { lies: true });
// Sent on its way in passing; only the sync at the end counts.
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

/** What has its final name is whole, whatever the index knows of it. */
function expectWhole(name: string, content: Content): void {
  if (!existsSync(pathOf(name))) return;
  expect([name, Buffer.compare(readFileSync(pathOf(name)), readContent(content))]).toEqual([name, 0]);
}

/** Makes calls on this file's part fail. Gives a function that ends that and tells whether any did. */
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
  const told = (await reader.read()).value ?? new Uint8Array();
  if (!Buffer.from(told).includes("attached")) throw new Error(`strace cannot attach: ${Buffer.from(told)}`);
  return async () => {
    strace.kill("SIGINT");
    await strace.exited;
    return readFileSync(seen, "utf8").includes("INJECTED");
  };
}

async function preload(fault: string): Promise<() => Promise<boolean>> {
  rmSync(`${control}.hits`, { force: true });
  writeFileSync(control, fault);
  return async () => {
    // Some calls come after the client has its file.
    for (let waits = 0; waits < 200 && !existsSync(`${control}.hits`); waits++) await Bun.sleep(10);
    writeFileSync(control, "");
    return existsSync(`${control}.hits`);
  };
}

for (const [i, { fault, name, content, lies, stored }] of cases.entries()) {
  test(`${fault} at ${content.size} bytes${lies ? ", after a lie" : ""}: the client gets its file`, async () => {
    if (lies) mirror.setFault(name, { kind: "corrupt", at: 1000, times: 1 });
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
    // Well again: the next one is stored, and that is told.
    await expectRight(wellName(i), { size: 50_000, seed: 99 });
    await untilStored(`${server.url}/distfiles/${wellName(i)}`);
    expect(existsSync(pathOf(wellName(i)))).toBe(true);
    expect(await (await fetch(`${server.url}/healthz`)).text()).toBe("ok\n");
    await expectRight(name, content);
    expectWhole(name, content);
  }, 20_000);
}

test("the log told once each time that the store takes no files, and once that it does again", () => {
  const log = server.log();
  const refused = log.match(/The store takes no files/g)?.length ?? 0;
  expect(refused).toBeGreaterThan(0);
  // However many files were refused in this minute or two.
  expect(refused).toBeLessThan(5);
  expect(log.match(/The store takes files again/g)?.length).toBe(refused);
  expect(log).not.toMatch(/TypeError|ReferenceError| at .*\(/);
});
