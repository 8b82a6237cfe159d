/**
 * Tests the whole server over a mirror that has a bad minute while the origin of SRC_URI is well: what the minute costs, and that it
 * says nothing about the mirror.
 */
import { afterEach, beforeEach, expect, test } from "bun:test";
import type { Content } from "../testing/content.ts";
import { type FakeUpstream, startFakeUpstream } from "../testing/fake-upstream.ts";
import type { Fault } from "../testing/faults.ts";
import { writeRepository } from "../testing/repository.ts";
import { startServer, type TestServer } from "../testing/server.ts";
import { createTempFolder, type TempFolder } from "../testing/temp.ts";

const FILES = 24;
const names = Array.from({ length: FILES }, (_, i) => `f${i}`);
const content = (i: number): Content => ({ size: 2000 + i, seed: i + 1 });

let folder: TempFolder;
let repository: string;
let mirror: FakeUpstream;
let origin: FakeUpstream;
let server: TestServer | undefined;

beforeEach(async () => {
  folder = createTempFolder();
  mirror = await startFakeUpstream({ files: new Map(names.map((name, i) => [name, content(i)])) });
  origin = await startFakeUpstream({ files: new Map(names.map((name, i) => [`/${name}`, content(i)])) });
  const uris = names.map((name) => `${origin.url}/${name}`).join(" ");
  const written = writeRepository(folder.file("repository"));
  written.put("app-misc/many", {
    dist: Object.fromEntries(names.map((name, i) => [name, content(i)])),
    ebuilds: [{ version: "1", srcUri: uris }],
  });
  repository = written.location;
});

afterEach(async () => {
  await server?.stop();
  server = undefined;
  await mirror.close();
  await origin.close();
  folder.remove();
});

async function start(): Promise<void> {
  await server?.stop();
  const settings = { "fetcher.read_ahead": "0", "fetcher.private_networks": "true" };
  server = await startServer({ location: folder.file("store"), mirrors: [mirror.url], repos: [repository], settings });
  await server.settled;
}

/** Fetches files of these numbers. @returns how many of them the mirror was asked for */
async function fetchThem(from: number, to: number): Promise<number> {
  const before = mirror.requests.filter(({ file }) => file !== "layout.conf").length;
  for (let i = from; i < to; i++) expect((await fetch(`${server?.url}/distfiles/f${i}`)).status).toBe(200);
  return mirror.requests.filter(({ file }) => file !== "layout.conf").length - before;
}

for (const [name, fault] of [
  ["fails", { kind: "status", status: 500 }],
  ["is silent", { kind: "stall-headers" }],
  ["asks to wait", { kind: "status", status: 503, headers: { "Retry-After": "60" } }],
] as [string, Fault][]) {
  test(`a mirror that ${name} is asked after SRC_URI until it is tried again`, async () => {
    await start();
    expect(await fetchThem(0, 2)).toBe(2);
    mirror.setFault("*", fault);
    await fetchThem(2, 6);
    expect(await fetchThem(6, 16)).toBe(0);
  });
}

for (const [name, faults] of [
  ["a message in place of the file", [{ kind: "status", status: 200 }]],
  ["a page of HTML", [{ kind: "html" }]],
  ["a page of HTML without a type", [{ kind: "html" }, { kind: "headers", headers: { "Content-Type": "x/y" } }]],
  ["another file", [{ kind: "longer", bytes: 7 }]],
] as [string, Fault[]][]) {
  test(`${name} says nothing of whether a mirror has a repository's files`, async () => {
    for (let i = 0; i < 10; i++) mirror.setFault(`f${i}`, ...faults);
    await start();
    await fetchThem(0, 10);
    expect(await fetchThem(10, 14)).toBe(4);
  });
}

test("after 404s for everything a mirror comes after SRC_URI, and is tried again by the first file after a restart", async () => {
  for (let i = 0; i < 10; i++) mirror.setFault(`f${i}`, { kind: "status", status: 404 });
  await start();
  await fetchThem(0, 10);
  expect(await fetchThem(10, 14)).toBe(0);
  await start();
  expect(await fetchThem(14, 18)).toBe(4);
});
