/**
 * Runs a whole server inside the test's process, with a real store, index, repositories and sockets.
 */

import type { Actions } from "../api/actions.ts";
import { loadConfig } from "../config/load.ts";
import { openIndex } from "../index/open.ts";
import { systemClock } from "../lib/clock.ts";
import { openLog } from "../lib/log.ts";
import { type ChosenSandbox, chooseSandbox } from "../repos/sandbox/choose.ts";
import { compose } from "../server/compose.ts";
import { openStore } from "../store/store.ts";

export interface ServerOptions {
  readonly location: string;
  readonly mirrors: readonly string[];
  readonly repos: readonly string[];
  /** Further settings by SECTION.KEY, as text, as on the command line. */
  readonly settings?: Readonly<Record<string, string>>;
}

export interface TestServer extends AsyncDisposable {
  readonly url: string;
  readonly actions: Actions;
  /** Resolves when the store and the repositories have been scanned. */
  readonly settled: Promise<void>;
  /** Stops the server as SIGTERM does after the drain. */
  stop(): Promise<void>;
}

/** Options of an action that runs to its end unobserved. */
export const UNATTENDED = { onProgress: () => undefined, signal: new AbortController().signal };

/** Starts a server. @param settings default to short time-outs, and a log of errors only */
export async function startServer({ location, mirrors, repos, settings = {} }: ServerOptions): Promise<TestServer> {
  const all = { "fetcher.connect_timeout": "1s", "fetcher.stall_timeout": "1s", "log.level": "error", ...settings };
  const overrides = [
    { path: "storage.location", given: location, flag: "--location" },
    { path: "fetcher.mirrors", given: mirrors, flag: "--mirror" },
    { path: "repo.repos", given: repos, flag: "--repo" },
    ...Object.entries(all).map(([path, given]) => ({ path, given, flag: "--set" })),
  ];
  const { config } = loadConfig({ env: {}, defaultFile: "/nonexistent", overrides });
  const store = openStore(location);
  const index = openIndex(`${location}/index.sqlite`, `${import.meta.dir}/../../drizzle`);
  let sandbox: Promise<ChosenSandbox> | undefined;
  const server = compose({
    config,
    store,
    index,
    environment: process.env,
    sandbox: () => {
      sandbox ??= chooseSandbox({ wanted: config.repo.sandbox });
      return sandbox;
    },
    hashWorkerUrl: new URL("../distfile/hash.worker.ts", import.meta.url).href,
    scanWorkerUrl: new URL("../server/scan.worker.ts", import.meta.url).href,
    historyWorkerUrl: new URL("../server/request-history.worker.ts", import.meta.url).href,
    importWorkerUrl: new URL("../actions/import.worker.ts", import.meta.url).href,
    userAgent: "portcache/test",
    clock: systemClock,
    log: await openLog(config.log.level, config.log.format),
    onIndexDamage: () => undefined,
  });
  server.app.listen({ hostname: "127.0.0.1", port: 0, reusePort: false });
  const settled = server.startBackground();
  let stopped: Promise<void> | undefined;
  const stop = async () => {
    await settled;
    await server.app.stop(true);
    await server.stop();
    await (await sandbox)?.sandbox?.stop();
    index.close();
  };
  return {
    url: `http://127.0.0.1:${server.app.server?.port}`,
    actions: server.actions,
    settled,
    stop: () => {
      stopped ??= stop();
      return stopped;
    },
    async [Symbol.asyncDispose]() {
      stopped ??= stop();
      await stopped;
    },
  };
}
