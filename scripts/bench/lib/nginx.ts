/**
 * Runs nginx as the peer: in the foreground, on a free port, with its own configuration and folders.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { withChildren } from "./procfs.ts";

export interface Nginx extends AsyncDisposable {
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  /** Process ids of master and workers. */
  pids(): readonly number[];
  stop(): Promise<void>;
}

export interface NginxOptions {
  /** Folder for configuration, logs and temporary files; created here. */
  readonly folder: string;
  /** Content of the `server` block, such as `root /srv;`. */
  readonly server: string;
  /** Content of the `http` block before it, such as `proxy_cache_path`. */
  readonly http?: string;
  /** Number of workers, 1 by default. */
  readonly workers?: number;
  /** Whether to log each request, as Debian's configuration does; false by default, which is faster. */
  readonly accessLog?: boolean;
  /** tcp_nopush, which Debian turns on: headers leave with the start of the file, not in a packet of their own. */
  readonly nopush?: boolean;
}

const START_MS = 10_000;

/** Returns a port that was free a moment ago. */
export function freePort(): number {
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const { port } = listener;
  listener.stop(true);
  return port;
}

function configuration(options: NginxOptions, port: number) {
  const { folder, server, http = "", workers = 1, accessLog = false, nopush = true } = options;
  const temps = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
  // Debian's own settings for files: sendfile and tcp_nopush. Workers of root would run as nobody, who may not read here.
  return `daemon off;
${process.getuid?.() === 0 ? "user root;" : ""}
worker_processes ${workers};
worker_rlimit_nofile 16384;
pid ${folder}/pid;
error_log ${folder}/error.log warn;
events { worker_connections 8192; }
http {
  types { }
  default_type application/octet-stream;
  access_log ${accessLog ? `${folder}/access.log` : "off"};
  sendfile on;
  tcp_nopush ${nopush ? "on" : "off"};
  keepalive_requests 100000000;
  ${temps.map((name) => `${name}_temp_path ${folder}/temp-${name};`).join("\n  ")}
  ${http}
  server {
    listen 127.0.0.1:${port} backlog=4096;
    ${server}
  }
}
`;
}

async function answers(url: string, exited: Promise<number>): Promise<void> {
  let gone = false;
  void exited.then(() => {
    gone = true;
  });
  for (const startedAt = performance.now(); performance.now() - startedAt < START_MS; await Bun.sleep(10)) {
    if (gone) break;
    const answer = await fetch(url, { method: "HEAD" }).catch(() => undefined);
    if (answer) return;
  }
  throw new Error("Cannot start nginx: it does not answer");
}

/** @throws {Error} when it is not installed or does not start; its folder's error.log says why */
export async function startNginx(options: NginxOptions): Promise<Nginx> {
  const port = freePort();
  mkdirSync(options.folder, { recursive: true });
  const config = `${options.folder}/nginx.conf`;
  writeFileSync(config, configuration(options, port));
  const child = Bun.spawn(["nginx", "-e", `${options.folder}/error.log`, "-c", config], {
    stdin: "ignore",
    stdout: "ignore",
    stderr: "inherit",
  });
  const url = `http://127.0.0.1:${port}`;
  async function stop(): Promise<void> {
    child.kill("SIGTERM");
    await child.exited;
  }
  try {
    await answers(url, child.exited);
  } catch (error) {
    await stop();
    throw error;
  }
  return { url, pids: () => withChildren(child.pid), stop, [Symbol.asyncDispose]: stop };
}
