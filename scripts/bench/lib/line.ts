/**
 * Starts a mirror that sends through a line of a given speed (per connection), and nginx as a caching proxy: with proxy_cache and
 * its lock, as people set it up in front of distfiles.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { digestsOf, type GeneratedContent } from "../../../src/testing/content.ts";
import { writeRepository } from "../../../src/testing/repository.ts";
import { type Files, writeFiles } from "./files.ts";
import { type Nginx, startNginx } from "./nginx.ts";

export interface Mirror extends Nginx {
  /** Number of requests for files answered so far. */
  requests(): number;
}

export interface MirrorOptions {
  readonly folder: string;
  readonly files: Files;
  /** Speed of each connection; undefined: no limit. */
  readonly mibPerSecond?: number;
}

/** Serves the files by nginx with two workers, so that the mirror is never the bottleneck. */
export async function startMirror({ folder, files, mibPerSecond }: MirrorOptions): Promise<Mirror> {
  writeFiles(`${folder}/files`, files);
  writeFileSync(`${folder}/files/distfiles/layout.conf`, "[structure]\n0=filename-hash BLAKE2B 8\n");
  return await startMirrorOf(folder, mibPerSecond);
}

/** Starts a mirror over existing files, with another log. */
export async function startMirrorOf(folder: string, mibPerSecond: number | undefined): Promise<Mirror> {
  const run = `${folder}/nginx-${mibPerSecond ?? "free"}`;
  const limit = mibPerSecond === undefined ? "" : `limit_rate ${mibPerSecond}m;`;
  const nginx = await startNginx({
    folder: run,
    server: `root ${folder}/files; ${limit}`,
    workers: 2,
    accessLog: true,
  });
  return {
    ...nginx,
    requests: () => readFileSync(`${run}/access.log`, "utf8").match(/"GET \/distfiles\/[0-9a-f]{2}\//g)?.length ?? 0,
  };
}

/** Starts nginx with one worker as a new, empty cache in front of a mirror. */
export async function startNginxCache(folder: string, mirror: string): Promise<Nginx> {
  mkdirSync(`${folder}/cache`, { recursive: true });
  return await startNginx({
    folder,
    http: `proxy_cache_path ${folder}/cache levels=1:2 keys_zone=c:10m max_size=50g use_temp_path=off;`,
    // With the default lock time-out of 5 s the others would ask the mirror, too; without HTTP/1.1 there is no keep-alive.
    server: `location / {
      proxy_pass ${mirror};
      proxy_http_version 1.1;
      proxy_cache c;
      proxy_cache_valid 200 1d;
      proxy_cache_lock on;
      proxy_cache_lock_age 1h;
      proxy_cache_lock_timeout 1h;
      proxy_max_temp_file_size 0;
    }`,
  });
}

/** Writes a repository that wants the files. Shared contents are hashed once, as a GiB takes seconds. */
export function writeLargeRepository(location: string, files: Files): string {
  const known = new Map<string, ReturnType<typeof digestsOf>>();
  const digests = (content: GeneratedContent) => {
    const key = `${content.size}/${content.seed}`;
    const found = known.get(key) ?? digestsOf(content);
    known.set(key, found);
    return { digests: found };
  };
  const dist = Object.fromEntries(Object.entries(files).map(([name, content]) => [name, digests(content)]));
  const repository = writeRepository(location);
  repository.put("app-misc/bench", { dist });
  return repository.location;
}
