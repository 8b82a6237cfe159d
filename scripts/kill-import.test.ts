/**
 * Kills `portcache import` with kill -9 at moments spread over it: whatever was imported by then is whole and right, has its row or
 * none, and importing again does the rest.
 */
import { Database } from "bun:sqlite";
import { afterAll, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { runExecutable } from "../src/testing/executable.ts";
import { distfilePath } from "../src/testing/stored.ts";
import { createTempFolder } from "../src/testing/temp.ts";
import { smallFileName, writeDistdir } from "./bench/lib/many-files.ts";

const FILES = 3_000;
const KILLS = 12;
const folder = createTempFolder("portcache-kill-import-");
afterAll(() => folder.remove());

const args = [
  ...["import", folder.file("distdir"), "--location", folder.file("store"), "--repo", folder.file("repository")],
  ...["--set", "repo.evaluate=never", "--json"],
];
const names = Array.from({ length: FILES }, (_, number) => smallFileName(number));
const storedPath = (name: string) => folder.file(`store${distfilePath(name)}`);

const storedNames = () => names.filter((name) => existsSync(storedPath(name)));
/** Returns when a file came into partial/, or left it. */
const changedAt = () => statSync(folder.file("store/partial"), { throwIfNoEntry: false })?.mtimeMs;

/** Names of the rows of an index that nobody has open. */
function rows(): readonly string[] {
  const path = folder.file("store/index.sqlite");
  if (!existsSync(path)) return [];
  using database = new Database(path);
  expect(database.query("PRAGMA integrity_check").get()).toEqual({ integrity_check: "ok" });
  if (database.query("SELECT 1 FROM sqlite_schema WHERE name = 'files'").get() === null) return [];
  return database
    .query<{ name: string }, []>("SELECT name FROM files")
    .all()
    .map(({ name }) => name);
}

test(`an import that is killed ${KILLS} times leaves only whole files, and the next one does the rest`, async () => {
  writeDistdir(folder.file("distdir"), folder.file("repository"), FILES, 1_000);
  const startedAt = performance.now();
  let stored = 0;
  const progress = new Set<number>();
  for (let round = 1; round <= KILLS; round++) {
    const child = Bun.spawn([`${import.meta.dir}/../dist/portcache`, ...args], { stdout: "ignore", stderr: "ignore" });
    // Every other kill comes while files are copied, the others once some have their names.
    const before = changedAt();
    const begun = round % 2 === 0 ? () => changedAt() !== before : () => storedNames().length > stored;
    while (child.exitCode === null && !begun()) await Bun.sleep(1);
    await Bun.sleep((7 * round) % 40);
    child.kill("SIGKILL");
    await child.exited;
    const there = storedNames();
    for (const name of there) {
      const same = Buffer.compare(readFileSync(storedPath(name)), readFileSync(folder.file(`distdir/${name}`))) === 0;
      expect([name, same, statSync(storedPath(name)).mode & 0o777]).toEqual([name, true, 0o644]);
    }
    const isThere = new Set(there);
    expect(rows().filter((name) => !isThere.has(name))).toEqual([]);
    stored = there.length;
    progress.add(stored);
  }
  expect(progress.size).toBeGreaterThan(2);
  const { exit, stdout } = await runExecutable(args);
  const { adopted, present } = JSON.parse(stdout) as { adopted: number; present: number };
  expect([exit, adopted + present, rows().length]).toEqual([0, FILES, FILES]);
  expect(present).toBeGreaterThanOrEqual(stored);
  expect(readdirSync(folder.file("store/partial"))).toEqual([]);
  console.log(`${[...progress]} files at the kills, ${Math.round(performance.now() - startedAt)} ms`);
}, 180_000);
