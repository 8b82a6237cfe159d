/**
 * Runs the storm's processes: the server with its restarts, the mirrors, and a disk for the store.
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Server } from "../../src/testing/executable.ts";
import type { MirrorOrder, MirrorSettings } from "./mirrors.ts";

/** The storm's server drains for one second. */
const MAX_STOP_MS = 20_000;

export async function startMirrors(settings: MirrorSettings) {
  const child = Bun.spawn([process.execPath, join(import.meta.dir, "mirrors.ts"), JSON.stringify(settings)], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "inherit",
  });
  const { value } = await child.stdout.getReader().read();
  const urls = JSON.parse(new TextDecoder().decode(value)) as readonly string[];
  return {
    urls,
    async order(order: MirrorOrder) {
      child.stdin.write(`${JSON.stringify(order)}\n`);
      await child.stdin.flush();
    },
    async stop() {
      child.kill();
      await child.exited;
    },
  };
}

/** Mounts a small disk for the store where that is allowed. @returns what unmounts it */
export function mountDisk(path: string, mib: number): () => void {
  mkdirSync(path, { recursive: true });
  const { exitCode } = Bun.spawnSync(["mount", "-t", "tmpfs", "-o", `size=${mib}m`, "tmpfs", path]);
  return () => {
    if (exitCode === 0) Bun.spawnSync(["umount", "-l", path]);
  };
}

/** Sends a request to the API through the store's socket. */
export function api(location: string, path: string, body?: unknown): Promise<Response> {
  const post = { method: "POST", body: JSON.stringify(body), headers: { "content-type": "application/json" } };
  const init = { ...(body === undefined ? {} : post), unix: join(location, "portcache.sock") };
  return fetch(`http://localhost/api/v1/${path}`, init);
}

/**
 * Starts, ends and restarts the server, and collects its logs.
 * @param onStuck called when the server had to be killed
 */
export function createHost(start: () => Promise<Server>, onStuck: () => void) {
  let server: Server | undefined;
  let awaySince: number | undefined;
  let backAt = 0;
  let kills = 0;
  let logs = "";
  return {
    /** The log of all servers so far. */
    get logs() {
      return logs + (awaySince === undefined ? (server?.log() ?? "") : "");
    },
    get server() {
      if (!server) throw new Error("The server has not been started");
      return server;
    },
    get kills() {
      return kills;
    },
    /** Returns whether the server was down at any time since that instant. */
    wasAway: (since: number) => awaySince !== undefined || backAt >= since,
    async start() {
      server = await start();
      backAt = performance.now();
      awaySince = undefined;
    },
    async end(signal: "SIGKILL" | "SIGTERM") {
      awaySince = performance.now();
      kills++;
      const stuck = setTimeout(() => server?.stop("SIGKILL"), MAX_STOP_MS);
      const startedAt = performance.now();
      await server?.stop(signal);
      clearTimeout(stuck);
      logs += server?.log() ?? "";
      await server?.[Symbol.asyncDispose]();
      if (performance.now() - startedAt >= MAX_STOP_MS) onStuck();
    },
  };
}

export type Host = ReturnType<typeof createHost>;
