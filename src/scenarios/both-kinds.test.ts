/**
 * Tests that distfiles and mirror files are treated alike by fetch, drop, verify, the file list, search and top lists.
 */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import type { FileDetails, FilesResponse, TopResponse } from "../api/file-schemas.ts";
import { UNATTENDED } from "../testing/server.ts";
import { startTwoMirrors, type TwoMirrors } from "../testing/two-mirrors.ts";

const SNAPSHOT = "snapshots/gentoo-20260810.tar.xz";

let setup: TwoMirrors;

beforeEach(async () => {
  setup = await startTwoMirrors();
  setup.put(`/${SNAPSHOT}`, { size: 5000, seed: 1 });
  setup.put("one.zip", { size: 3000, seed: 2 });
});
afterEach(async () => await setup[Symbol.asyncDispose]());

async function json<T>(path: string): Promise<T> {
  return (await (await setup.get(path)).response.json()) as T;
}

test("fetch stores both kinds, once each", async () => {
  const { actions } = await setup.start();
  const names = [SNAPSHOT, "one.zip", "snapshots/none.tar.xz", "snapshots/../x"];
  const first = await actions.fetch({ names, packages: [] }, UNATTENDED);
  const outcomes = Object.fromEntries(first.results.map(({ name, outcome }) => [name, outcome]));
  expect(outcomes).toEqual({
    [SNAPSHOT]: "fetched",
    "one.zip": "fetched",
    "snapshots/none.tar.xz": "absent",
    "snapshots/../x": "failed",
  });
  expect(existsSync(setup.storedPath(`/${SNAPSHOT}`))).toBe(true);
  const again = await actions.fetch({ names: [SNAPSHOT, "one.zip"], packages: [] }, UNATTENDED);
  expect(again).toMatchObject({ files: 2, present: 2, fetched: 0, failed: 0 });
  expect(setup.requests(`/${SNAPSHOT}`)).toEqual([1, 0]);
});

test("the file list, search, top lists and details know both kinds", async () => {
  const { actions } = await setup.start();
  await actions.fetch({ names: [SNAPSHOT, "one.zip"], packages: [] }, UNATTENDED);
  const { files } = await json<FilesResponse>("/api/v1/files?sort=size&order=desc");
  expect(files.map(({ name }) => name)).toEqual([SNAPSHOT, "one.zip"]);
  expect((await json<FilesResponse>("/api/v1/files?q=20260810")).total).toBe(1);
  const { largest } = await json<TopResponse>("/api/v1/top");
  expect(largest.map(({ name }) => name)).toEqual([SNAPSHOT, "one.zip"]);
  expect(await json<FileDetails>(`/api/v1/files/${encodeURIComponent(SNAPSHOT)}`)).toMatchObject({
    name: SNAPSHOT,
    state: "stored",
  });
});

test("verify reads both kinds, and drop removes both", async () => {
  const { actions } = await setup.start();
  await actions.fetch({ names: [SNAPSHOT, "one.zip"], packages: [] }, UNATTENDED);
  expect(await actions.verify({ repair: false, bytes_per_second: 0 }, UNATTENDED)).toMatchObject({ files: 2, bad: [] });
  const dropped = await actions.drop({ names: [SNAPSHOT, "one.zip"] }, UNATTENDED);
  expect(dropped).toMatchObject({ files: 2, bytes: 8000 });
  expect(existsSync(setup.storedPath(`/${SNAPSHOT}`))).toBe(false);
  expect((await json<FilesResponse>("/api/v1/files")).total).toBe(0);
});
