/**
 * Fetches a snapshot, its digest and its signature from the executable as emerge-webrsync does, also across kill -9.
 */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { copyFileSync, existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { type Content, readContent } from "../src/testing/content.ts";
import { runExecutable, type Server, startExecutable } from "../src/testing/executable.ts";
import { type FakeUpstream, startFakeUpstream } from "../src/testing/fake-upstream.ts";
import { createTempFolder, type TempFolder } from "../src/testing/temp.ts";

const MIB = 1024 * 1024;
const NAME = "gentoo-20260821.tar.xz";
const SNAPSHOT: Content = { size: 8 * MIB + 11, seed: 3 };
/** The command of bin/emerge-webrsync, beside Portage's FETCHCOMMAND. */
const WGET = ["wget", "--continue", "--no-verbose", "-t", "3", "-T", "60", "--passive-ftp"];

let folder: TempFolder;
let mirror: FakeUpstream;
let server: Server | undefined;

beforeEach(async () => {
  folder = createTempFolder("portcache-webrsync-");
  mirror = await startFakeUpstream();
  const md5 = createHash("md5").update(readContent(SNAPSHOT)).digest("hex");
  mirror.files.set(`/snapshots/${NAME}`, SNAPSHOT);
  mirror.files.set(`/snapshots/${NAME}.md5sum`, `${md5}  ${NAME}\n`);
  mirror.files.set(`/snapshots/${NAME}.gpgsig`, "signature");
});
afterEach(async () => {
  await server?.[Symbol.asyncDispose]();
  server = undefined;
  await mirror.close();
  folder.remove();
});

const settings = () => ({ fetcher: { mirrors: [mirror.url] }, storage: { min_free: 0 } });

async function start(): Promise<Server> {
  server = await startExecutable({ location: folder.file("store"), settings: settings() });
  copyFileSync(server.configFile, folder.file("portcache.toml"));
  return server;
}

async function run(...command: readonly string[]): Promise<number> {
  const child = Bun.spawn([...command], { cwd: folder.path, stdout: "ignore", stderr: "ignore" });
  return await child.exited;
}

const requests = () =>
  mirror.requests.map(({ method, file }) => `${method} ${file}`).filter((one) => one.includes(NAME));
const command = async (...args: readonly string[]) =>
  await runExecutable([...args, "--config", folder.file("portcache.toml"), "--json"]);

test("snapshot, digest and signature are fetched from the mirror once and then from the store; commands count them", async () => {
  const { url } = await start();
  for (const client of ["one", "two"]) {
    for (const suffix of [".md5sum", ".gpgsig", ""]) {
      const file = `${NAME}${suffix}`;
      expect(await run(...WGET, "-O", `${client}-${file}`, `${url}/snapshots/${file}`)).toBe(0);
    }
    const sum = readFileSync(folder.file(`${client}-${NAME}.md5sum`), "utf8");
    writeFileSync(folder.file("sum"), sum.replace(NAME, `${client}-${NAME}`));
    expect(await run("md5sum", "-c", "sum")).toBe(0);
  }
  expect(requests()).toEqual([".md5sum", ".gpgsig", ""].map((suffix) => `GET /snapshots/${NAME}${suffix}`));

  // An interrupted client resumes; one that has the current file downloads nothing.
  writeFileSync(folder.file("part"), readContent(SNAPSHOT, 0, 3 * MIB));
  expect(await run(...WGET, "-O", "part", `${url}/snapshots/${NAME}`)).toBe(0);
  expect(Buffer.compare(readFileSync(folder.file("part")), readContent(SNAPSHOT))).toBe(0);
  expect(await run("curl", "-fsS", "--etag-save", "etag", "-o", "curled", `${url}/snapshots/${NAME}.gpgsig`)).toBe(0);
  const before = statSync(folder.file("curled")).mtimeMs;
  expect(await run("curl", "-fsS", "--etag-compare", "etag", "-o", "curled", `${url}/snapshots/${NAME}.gpgsig`)).toBe(
    0,
  );
  expect(statSync(folder.file("curled")).mtimeMs).toBe(before);

  const filesOf = ({ stdout }: { readonly stdout: string }) => (JSON.parse(stdout) as { store: object }).store;
  const stored = { files: 3, bytes: SNAPSHOT.size + statSync(folder.file(`one-${NAME}.md5sum`)).size + 9 };
  expect(filesOf(await command("status"))).toMatchObject(stored);
  expect((await command("verify")).exit).toBe(0);
  await server?.stop();
  expect(filesOf(await command("status"))).toMatchObject(stored);
  expect((await command("clean", "--set", "storage.max_size=1MiB")).exit).toBe(0);
  expect(existsSync(folder.file(`store/snapshots/${NAME}`))).toBe(false);
}, 30_000);

test("after a kill, a snapshot resumes under the mirror's validator and is served only when complete", async () => {
  const path = `/snapshots/${NAME}`;
  mirror.setFault(path, { kind: "rate", bytesPerSecond: 4 * MIB });
  const { url } = await start();
  const part = folder.file("part");
  const client = run("curl", "-sS", "-o", "part", url + path);
  while (!existsSync(part) || statSync(part).size < 2 * MIB) await Bun.sleep(10);
  await server?.stop("SIGKILL");
  expect(await client).not.toBe(0);
  expect(existsSync(folder.file(`store${path}`))).toBe(false);

  mirror.setFault(path);
  const again = await start();
  expect(await run(...WGET, "-O", "part", again.url + path)).toBe(0);
  expect(Buffer.compare(readFileSync(part), readContent(SNAPSHOT))).toBe(0);
  expect(Buffer.compare(readFileSync(folder.file(`store${path}`)), readContent(SNAPSHOT))).toBe(0);
  const [, rest] = mirror.fileRequests(path);
  expect(rest?.range).toMatch(/^bytes=[1-9]\d+-$/);
  expect(rest?.headers["if-range"]).toMatch(/^"[0-9a-f]+"$/);
  expect(mirror.fileRequests(path).length).toBe(2);
}, 30_000);
