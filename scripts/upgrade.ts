/**
 * Fills a store with an older executable, ends it with kill -9 in the midst of downloads, opens the store with this one and checks
 * that nothing is lost: files, uses, HTTP metadata, statistics of hosts, and part files, which have to be continued.
 *
 *   scripts/build && bun scripts/upgrade.ts OLD_EXECUTABLE [--files 400]
 */
import { Database } from "bun:sqlite";
import { readdirSync, statSync } from "node:fs";
import { parseArgs } from "node:util";
import { type Content, readContent, sizeOf } from "../src/testing/content.ts";
import { type Server, startExecutable } from "../src/testing/executable.ts";
import { startFakeUpstream } from "../src/testing/fake-upstream.ts";
import { writeRepository } from "../src/testing/repository.ts";
import { createTempFolder } from "../src/testing/temp.ts";

const MIB = 1024 * 1024;
const CLIENTS = 32;
const FILES_PER_PACKAGE = 50;
/** One distfile that a Manifest wants, one that none knows, one mirror file: each is resumed in its own way. */
const PARTS: ReadonlyMap<string, Content> = new Map([
  ["/distfiles/part-1.tar.gz", { size: 8 * MIB, seed: 1 }],
  ["/distfiles/unknown-1.tar.gz", { size: 8 * MIB, seed: 2 }],
  ["/snapshots/gentoo-20260821.tar.xz", { size: 8 * MIB, seed: 3 }],
]);

/** Queries of the same rows by the tables of this version and of older ones: the first that the index answers counts. */
const TABLES = {
  files: [
    "SELECT name, size, blake2b, stamp, source, stored_at, used_at, uses, use_score, verified_at FROM files ORDER BY 1",
    `SELECT name, size, blake2b, stamp, source, stored_at, used_at, uses, heat AS use_score, verified_at FROM distfiles
     UNION ALL
     SELECT path, size, blake2b, stamp, source, stored_at, used_at, uses, heat, verified_at FROM mirror_files ORDER BY 1`,
  ],
  metadata: [
    "SELECT name, etag, last_modified, cache_control, date_at, answered_at FROM http_metadata ORDER BY 1",
    "SELECT path AS name, etag, last_modified, cache_control, date_at, answered_at FROM mirror_files ORDER BY 1",
  ],
  partials: [
    "SELECT name, url, etag, total FROM partials UNION ALL SELECT path, url, etag, total FROM mirror_partials ORDER BY 1",
    "SELECT name, url, etag, total FROM partials ORDER BY 1",
  ],
  hosts: [
    "SELECT host, delivered, absent, failed, first_byte_ms, seen_at FROM hosts ORDER BY 1",
    "SELECT place AS host, delivered, absent, failed, first_byte_ms, seen_at FROM places ORDER BY 1",
  ],
  statistics: ["SELECT * FROM statistics WHERE resolution = 'total'"],
} as const;

type Rows = Readonly<Record<keyof typeof TABLES, readonly string[]>>;

function readRows(location: string): Rows {
  using index = new Database(`${location}/index.sqlite`, { readonly: true });
  function first(queries: readonly string[]): readonly string[] {
    for (const query of queries) {
      try {
        return index
          .query(query)
          .all()
          .map((row) => JSON.stringify(row));
      } catch (error) {
        if (!String(error).includes("no such")) throw error;
      }
    }
    throw new Error(`Cannot read ${location}/index.sqlite: its tables are unknown`);
  }
  return {
    files: first(TABLES.files),
    metadata: first(TABLES.metadata),
    partials: first(TABLES.partials),
    hosts: first(TABLES.hosts),
    statistics: first(TABLES.statistics),
  };
}

const problems: string[] = [];

function check(claim: string, isTrue: boolean, detail: string): void {
  console.log(`${isTrue ? "ok  " : "FAIL"} ${claim}: ${detail}`);
  if (!isTrue) problems.push(claim);
}

/** Requests all paths; returns those whose answer was not as it should be. */
async function request(
  url: string,
  files: ReadonlyMap<string, Content>,
  isRight: (cacheStatus: string) => boolean,
): Promise<readonly string[]> {
  const left = [...files];
  const wrong: string[] = [];
  async function client(): Promise<void> {
    for (let next = left.pop(); next; next = left.pop()) {
      const [path, content] = next;
      const response = await fetch(url + path, { decompress: false });
      const bytes = await response.bytes();
      const cacheStatus = response.headers.get("cache-status") ?? "none";
      const isSame = Buffer.compare(bytes, readContent(content)) === 0;
      if (!isSame || !isRight(cacheStatus)) wrong.push(`${path} (${response.status}, ${cacheStatus})`);
    }
  }
  await Promise.all(Array.from({ length: CLIENTS }, client));
  return wrong;
}

async function untilPartsGrow(location: string): Promise<void> {
  for (let i = 0; i < 500; i++) {
    const sizes = readdirSync(`${location}/partial`).map((name) => statSync(`${location}/partial/${name}`).size);
    if (sizes.filter((size) => size > MIB).length >= PARTS.size) return;
    await Bun.sleep(20);
  }
  throw new Error("The old executable writes no part files");
}

const { values, positionals } = parseArgs({ options: { files: { type: "string" } }, allowPositionals: true });
const [oldExecutable] = positionals;
const count = Number(values.files ?? 400);
if (oldExecutable === undefined || !Number.isInteger(count)) {
  console.error("usage: bun scripts/upgrade.ts OLD_EXECUTABLE [--files NUMBER]");
  process.exit(2);
}

using folder = createTempFolder("portcache-upgrade-");
await using mirror = await startFakeUpstream();
const repository = writeRepository(folder.file("gentoo"));
const location = folder.file("store");
const files = new Map<string, Content>();
for (let i = 0; i < count; i++) {
  const text = `content of file ${i}\n`.repeat(1 + (i % 90));
  files.set(i % 10 === 0 ? `/snapshots/file-20260820-${i}.tar.xz` : `/distfiles/file-${i}.tar.xz`, text);
}
const distfiles = [...files, ...PARTS].filter(([path]) => path.startsWith("/distfiles/"));
for (const [path, content] of [...files, ...PARTS]) mirror.files.set(path.replace("/distfiles/", ""), content);
const listed = distfiles.filter(([path]) => !path.includes("unknown"));
for (let at = 0; at < listed.length; at += FILES_PER_PACKAGE) {
  const dist = listed
    .slice(at, at + FILES_PER_PACKAGE)
    .map(([path, content]) => [path.slice("/distfiles/".length), content]);
  repository.put(`app-misc/package-${at}`, { dist: Object.fromEntries(dist), ebuilds: [{ version: "1" }] });
}

async function start(executable?: string): Promise<Server> {
  const startedAt = performance.now();
  const server = await startExecutable({
    location,
    settings: {
      fetcher: { mirrors: [mirror.url], read_ahead: 0 },
      repo: { repos: [repository.location] },
      storage: { min_free: 0 },
    },
    ...(executable === undefined ? {} : { executable }),
  });
  console.log(`${executable ?? "the new executable"} answers after ${Math.round(performance.now() - startedAt)} ms`);
  return server;
}

const isHit = (cacheStatus: string) => cacheStatus === "portcache; hit";
const first = await start(oldExecutable);
check(
  "the old executable serves what the mirror has",
  (await request(first.url, files, () => true)).length === 0,
  `${count} files`,
);
await request(first.url, new Map([...files].slice(0, count / 2)), isHit);
await first.stop();
const second = await start(oldExecutable);
for (const path of PARTS.keys()) {
  mirror.setFault(path.replace("/distfiles/", ""), { kind: "rate", bytesPerSecond: MIB });
}
const cut = [...PARTS.keys()].map((path) =>
  fetch(second.url + path)
    .then((response) => response.bytes())
    .catch(() => undefined),
);
await untilPartsGrow(location);
await second.stop("SIGKILL");
await Promise.all(cut);
for (const path of PARTS.keys()) mirror.setFault(path.replace("/distfiles/", ""));

const before = readRows(location);
const asked = mirror.requests.length;
await using server = await start();
const after = readRows(location);
for (const table of Object.keys(TABLES) as (keyof typeof TABLES)[]) {
  const lost = before[table].filter((row) => !after[table].includes(row));
  check(
    `rows of ${table} are kept`,
    lost.length === 0 && before[table].length > 0,
    `${before[table].length} rows, ${lost.length} lost or changed ${lost[0] ?? ""}`,
  );
}
const uses = before.files.reduce((sum, row) => sum + (JSON.parse(row) as { uses: number }).uses, 0);
check("uses were counted", uses > 0, `${uses} uses`);
const misses = await request(server.url, files, isHit);
check("all files are hits", misses.length === 0, `${misses.length} are not ${misses[0] ?? ""}`);
check(
  "the mirror is asked for none of them",
  mirror.requests.length === asked,
  `${mirror.requests.length - asked} requests`,
);
const wrong = await request(server.url, PARTS, () => true);
check("files that came in part come whole", wrong.length === 0, `${PARTS.size} files ${wrong.join(", ")}`);
for (const [path, content] of PARTS) {
  const { range = "none" } = mirror.fileRequests(path.replace("/distfiles/", "")).at(-1) ?? {};
  const from = Number(/^bytes=(\d+)-/.exec(range)?.[1] ?? 0);
  check(`${path} is continued`, from > 0, `${range} of ${sizeOf(content)} bytes`);
}
await server.stop();
const { files: rows } = readRows(location);
check("the store has all of them", rows.length === count + PARTS.size, `${rows.length} rows`);
if (problems.length > 0) process.exit(1);
