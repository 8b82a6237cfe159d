/**
 * Tests mirror files in a store that is too small for them: they are cleaned up by the same policy as distfiles, and reach their
 * clients where they can't be stored.
 */
import { Database } from "bun:sqlite";
import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { type Content, readContent } from "../testing/content.ts";
import { UNATTENDED } from "../testing/server.ts";
import { startTwoMirrors, type TwoMirrors } from "../testing/two-mirrors.ts";

const MIB = 1024 * 1024;
const snapshot = (day: number) => `/snapshots/gentoo-202608${day}.tar.xz`;
const contentOf = (day: number): Content => ({ size: 2 * MIB, seed: day });

let setup: TwoMirrors;

beforeEach(async () => {
  setup = await startTwoMirrors();
  for (let day = 10; day < 20; day++) setup.put(snapshot(day), contentOf(day));
});
afterEach(async () => await setup[Symbol.asyncDispose]());

const isRight = async (path: string, content: Content) =>
  Buffer.compare(await (await setup.get(path)).response.bytes(), readContent(content)) === 0;
const days = () =>
  Array.from({ length: 10 }, (_, i) => 10 + i).filter((day) => existsSync(setup.storedPath(snapshot(day))));
const storedBytes = async () =>
  ((await (await setup.get("/api/v1/status")).response.json()) as { store: { bytes: number } }).store.bytes;

test("clean-up counts mirror files and removes those worth least, except those that `keep` names", async () => {
  const small = {
    "storage.max_size": "13MiB",
    "storage.min_free": "0",
    "storage.keep": "snapshots/*10.tar.xz gentoo-*11*",
  };
  const server = await setup.start(small);
  for (let day = 10; day < 18; day++) {
    expect(await isRight(snapshot(day), contentOf(day))).toBe(true);
    // The most used file is worth most.
    if (day >= 12) expect(await isRight(snapshot(12), contentOf(12))).toBe(true);
  }
  await server.actions.clean({ dry_run: false }, UNATTENDED);
  const left = days();
  expect(left).toContain(10);
  expect(left).toContain(11);
  expect(left).toContain(12);
  expect(left.length).toBeLessThanOrEqual(6);
  expect(await storedBytes()).toBe(left.length * 2 * MIB);
  // Removed files are fetched again.
  const gone = [13, 14, 15].find((day) => !left.includes(day))!;
  expect(await isRight(snapshot(gone), contentOf(gone))).toBe(true);
});

test("distfiles and mirror files are weighed against each other", async () => {
  const names = ["a.tar", "b.tar", "c.tar"];
  for (const [i, name] of names.entries()) setup.put(name, { size: 2 * MIB, seed: 100 + i });
  const server = await setup.start({ "storage.max_size": "9MiB", "storage.min_free": "0" });
  for (const name of names) await (await setup.get(`/distfiles/${name}`)).response.bytes();
  for (let i = 0; i < 5; i++) await (await setup.get("/distfiles/a.tar")).response.bytes();
  for (const day of [10, 11, 12]) expect(await isRight(snapshot(day), contentOf(day))).toBe(true);
  await server.actions.clean({ dry_run: false }, UNATTENDED);
  expect(await storedBytes()).toBeLessThanOrEqual(9 * MIB);
  expect((await setup.get("/distfiles/a.tar", {}, "HEAD")).cache).toBe("portcache; hit");
});

test("a file that does not fit is passed on, also to many clients at once, and nothing of it stays", async () => {
  const path = "/releases/stage3.tar.xz";
  const content: Content = { size: 9 * MIB, seed: 50 };
  setup.put(path, content);
  await setup.start({ "storage.max_size": "1MiB", "storage.min_free": "0" });
  expect(await Promise.all([0, 1, 2].map(() => isRight(path, content)))).toEqual([true, true, true]);
  expect(existsSync(setup.storedPath(path))).toBe(false);
  for (let i = 0; i < 100 && setup.parts().length > 0; i++) await Bun.sleep(20);
  expect(setup.parts()).toEqual([]);
});

test("a folder in place of the file, or a file in place of its folder, is left alone and fails no client", async () => {
  await setup.start();
  mkdirSync(setup.storedPath("/snapshots/here/mine"), { recursive: true });
  writeFileSync(setup.storedPath("/snapshots/plain"), "mine");
  setup.put("/snapshots/here", "theirs");
  setup.put("/snapshots/plain/below", "theirs");
  for (const path of ["/snapshots/here", "/snapshots/plain/below"]) {
    expect(await (await setup.get(path)).response.text()).toBe("theirs");
  }
  expect(existsSync(setup.storedPath("/snapshots/here/mine"))).toBe(true);
  expect(readFileSync(setup.storedPath("/snapshots/plain"), "utf8")).toBe("mine");
  expect(await (await setup.get("/healthz")).response.text()).not.toContain("store");
});

test("verify finds a file with damaged bytes, which is not served any more", async () => {
  const server = await setup.start();
  const path = snapshot(10);
  const verify = (repair: boolean) => server.actions.verify({ repair, bytes_per_second: 0 }, UNATTENDED);
  for (const day of [10, 11]) expect(await isRight(snapshot(day), contentOf(day))).toBe(true);
  expect(await verify(false)).toMatchObject({ files: 2, bytes: 4 * MIB, unverified: 2, bad: [] });
  // Only the bytes change, as on a failing disk.
  const index = new Database(setup.storedPath("/index.sqlite"));
  writeFileSync(setup.storedPath(path), readContent(contentOf(12)));
  const { size, mtimeNs, ctimeNs } = statSync(setup.storedPath(path), { bigint: true });
  const stamp = `${size}:${mtimeNs}:${ctimeNs}`;
  index.run("UPDATE files SET stamp = ? WHERE name = ?", [stamp, path.slice(1)]);
  index.close();
  expect((await setup.get(path)).cache).toBe("portcache; hit");
  const bad = { name: path.slice(1), size: 2 * MIB, problem: "does not match the digest it was stored with" };
  expect(await verify(false)).toMatchObject({ unverified: 1, bad: [{ ...bad, outcome: "unrepaired" }] });
  expect(await isRight(path, contentOf(10))).toBe(true);
  expect(await verify(true)).toMatchObject({ unverified: 2, bad: [] });
});

test("a file that was changed on disk is fetched again, and the target of a link is not served", async () => {
  const path = snapshot(10);
  await setup.start();
  expect(await isRight(path, contentOf(10))).toBe(true);
  const touched = new Date("2020-01-01");
  utimesSync(setup.storedPath(path), touched, touched);
  expect((await setup.get(path)).cache).toBe("portcache; hit");
  for (const meddled of ["other", Buffer.from(readContent(contentOf(11)))]) {
    writeFileSync(setup.storedPath(path), meddled);
    expect(await isRight(path, contentOf(10))).toBe(true);
    expect((await setup.get(path)).cache).toBe("portcache; hit");
  }
  expect(setup.requests(path)).toEqual([3, 0]);
  rmSync(setup.storedPath(path));
  symlinkSync("/etc/passwd", setup.storedPath(path));
  expect(await isRight(path, contentOf(10))).toBe(true);
  // Put there by hand, with a later time than the mirror's file.
  writeFileSync(setup.storedPath(snapshot(11)), "mine");
  expect(await isRight(snapshot(11), contentOf(11))).toBe(true);
});
