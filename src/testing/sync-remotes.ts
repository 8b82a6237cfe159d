/**
 * Provides remotes for tests of syncing: ebuild repositories served by git (file://, git daemon, smart HTTP) and by rsync
 * daemons; all real, all on this machine.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { dirname, join } from "node:path";
import type { Subprocess } from "bun";

/** Environment of `git` and the daemons, independent of the machine's settings. */
export const QUIET_GIT = {
  PATH: process.env["PATH"] ?? "",
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_AUTHOR_NAME: "test",
  GIT_AUTHOR_EMAIL: "test@example.org",
  GIT_COMMITTER_NAME: "test",
  GIT_COMMITTER_EMAIL: "test@example.org",
};

/** Resolves when the condition holds. @throws {Error} after half a minute */
export async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; !condition(); i++) {
    if (i > 6000) throw new Error(`the condition was never true: ${condition}`);
    await Bun.sleep(5);
  }
}

export interface Remote {
  readonly path: string;
  git(...args: string[]): string;
  write(path: string, text: string): void;
  /** Writes this version into the two Manifests, and commits; returns the commit. */
  commit(version: string): string;
}

/** Creates an ebuild repository in git, whose Manifests app-misc/a and dev-libs/b always have the same version. */
export function createRemote(path: string): Remote {
  mkdirSync(path, { recursive: true });
  const git = (...args: string[]) => {
    const { exitCode, stdout, stderr } = Bun.spawnSync(["git", "-C", path, ...args], { env: QUIET_GIT });
    if (exitCode !== 0) throw new Error(`git ${args.join(" ")}: ${stderr}`);
    return stdout.toString().trim();
  };
  const write = (file: string, text: string) => {
    mkdirSync(dirname(join(path, file)), { recursive: true });
    writeFileSync(join(path, file), text);
  };
  git("init", "--quiet", "--initial-branch=master");
  git("config", "gc.auto", "0");
  write("profiles/repo_name", "test\n");
  write("metadata/layout.conf", "masters =\n");
  return {
    path,
    git,
    write,
    commit(version) {
      for (const name of ["app-misc/a", "dev-libs/b"]) write(`${name}/Manifest`, `${manifestLine(version)}\n`);
      git("add", "--all");
      git("commit", "--quiet", "--allow-empty", "-m", version);
      return git("rev-parse", "HEAD");
    },
  };
}

export function manifestLine(version: string): string {
  return `DIST file-${version} 10 BLAKE2B ${"ab".repeat(64)}`;
}

export function freePort(): number {
  const server = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => undefined } });
  const { port } = server;
  server.stop(true);
  return port;
}

export interface Daemon extends AsyncDisposable {
  readonly port: number;
  stop(): Promise<void>;
}

/** Resolves when something answers on the port. */
async function untilAnswers(port: number): Promise<void> {
  for (let i = 0; i < 400; i++) {
    try {
      const socket = await Bun.connect({ hostname: "127.0.0.1", port, socket: { data: () => undefined } });
      socket.end();
      return;
    } catch {
      await Bun.sleep(10);
    }
  }
  throw new Error(`nothing answers on port ${port}`);
}

async function daemonOf(port: number, child: Subprocess): Promise<Daemon> {
  const stop = async () => {
    try {
      process.kill(-child.pid, "SIGKILL");
    } catch {
      // It has ended.
    }
    await child.exited;
  };
  await untilAnswers(port);
  return { port, stop, [Symbol.asyncDispose]: stop };
}

/** Serves the repositories in the folder as `git://127.0.0.1:PORT/NAME`. */
export function serveGit(folder: string, port = freePort()): Promise<Daemon> {
  const command = ["git", "daemon", "--reuseaddr", "--listen=127.0.0.1", `--port=${port}`, "--export-all"];
  const child = Bun.spawn([...command, `--base-path=${folder}`, folder], {
    env: QUIET_GIT,
    stdout: "ignore",
    stderr: "ignore",
    detached: true,
  });
  return daemonOf(port, child);
}

/** Serves the folder as `rsync://127.0.0.1:PORT/remote`; `lines` are settings of the module, `global` of the daemon. */
export function serveRsync(
  folder: string,
  configFile: string,
  lines: readonly string[] = [],
  global: readonly string[] = [],
): Promise<Daemon> {
  const port = freePort();
  const own = process.getuid?.() === 0 ? ["uid = root", "gid = root"] : [];
  const settings = [
    `port = ${port}`,
    "address = 127.0.0.1",
    "use chroot = no",
    "log file = /dev/null",
    ...own,
    ...global,
  ];
  writeFileSync(configFile, [...settings, "[remote]", `path = ${folder}`, ...lines, ""].join("\n"), { mode: 0o600 });
  const child = Bun.spawn(["rsync", "--daemon", "--no-detach", `--config=${configFile}`], {
    env: QUIET_GIT,
    stdin: "ignore",
    stdout: "ignore",
    stderr: "ignore",
    detached: true,
  });
  return daemonOf(port, child);
}

export interface Proxy extends Disposable {
  readonly port: number;
  /** Bytes that the server has sent so far. */
  readonly passed: number;
  /** Lets everything pass from now on. */
  lift(): void;
}

/** Forwards connections to the port, and breaks them after so many bytes from there, or lets them hang. */
export function createProxy(port: number, limit: number, then: "break" | "hang"): Proxy {
  let passed = 0;
  let lifted = false;
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(port, "127.0.0.1");
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on("error", () => undefined);
      socket.on("close", () => [client, upstream].map((one) => one.destroy()));
    }
    client.pipe(upstream);
    upstream.on("data", (bytes: Buffer) => {
      const room = lifted ? bytes.length : Math.max(0, limit - passed);
      passed += bytes.length;
      client.write(bytes.subarray(0, room));
      if (!lifted && passed > limit && then === "break") client.destroy();
    });
  });
  server.listen(0, "127.0.0.1");
  return {
    port: (server.address() as AddressInfo).port,
    get passed() {
      return passed;
    },
    lift() {
      lifted = true;
    },
    [Symbol.dispose]() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** Returns the command lines of running processes that contain the folder. */
export function processesOf(folder: string): readonly string[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const line = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
        return line.includes(folder) && !line.includes("daemon") ? [line] : [];
      } catch {
        return [];
      }
    });
}

export interface SmartHttp extends Disposable {
  readonly port: number;
  readonly requests: readonly Request[];
}

/** Serves the repositories in the folder by smart HTTP; requires `authorization` where it is given. */
export function serveHttp(folder: string, authorization?: string): SmartHttp {
  const requests: Request[] = [];
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(request) {
      requests.push(request);
      if (authorization !== undefined && request.headers.get("authorization") !== authorization) {
        return new Response("", { status: 401, headers: { "www-authenticate": 'Basic realm="test"' } });
      }
      const { pathname, search } = new URL(request.url);
      const child = Bun.spawn(["git", "http-backend"], {
        env: {
          ...QUIET_GIT,
          GIT_PROJECT_ROOT: folder,
          GIT_HTTP_EXPORT_ALL: "1",
          PATH_INFO: pathname,
          QUERY_STRING: search.slice(1),
          REQUEST_METHOD: request.method,
          CONTENT_TYPE: request.headers.get("content-type") ?? "",
          HTTP_CONTENT_ENCODING: request.headers.get("content-encoding") ?? "",
          GIT_PROTOCOL: request.headers.get("git-protocol") ?? "",
        },
        stdin: await request.blob(),
      });
      const answer = Buffer.from(await new Response(child.stdout).arrayBuffer());
      const end = answer.indexOf("\r\n\r\n");
      const lines = answer.subarray(0, end).toString().split("\r\n");
      const headers = new Headers(lines.map((line) => line.split(/: (.*)/s, 2) as [string, string]));
      const status = Number(headers.get("status")?.slice(0, 3) ?? 200);
      headers.delete("status");
      return new Response(answer.subarray(end + 4), { status, headers });
    },
  });
  const { port = 0 } = server;
  return { port, requests, [Symbol.dispose]: () => void server.stop(true) };
}
