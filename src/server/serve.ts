/**
 * Runs `portcache serve`: opens the store, listens, and on a signal lets transfers end before it exits.
 */
import { accessSync, constants, mkdirSync } from "node:fs";
import { ConfigError } from "../config/config-error.ts";
import { createLiveConfig } from "../config/live.ts";
import type { LoadedConfig } from "../config/load.ts";
import type { Config } from "../config/schema.ts";
import { type DashboardFiles, readDashboard } from "../http/dashboard.ts";
import { openIndexOrNone } from "../index/open.ts";
import { systemClock } from "../lib/clock.ts";
import { within } from "../lib/deadline.ts";
import { reasonOf, reasonWithPath } from "../lib/error-reason.ts";
import { exists } from "../lib/exists.ts";
import { errorPrefix, writesToJournal } from "../lib/journal.ts";
import { type Logger, openLog } from "../lib/log.ts";
import { type ChosenSandbox, chooseSandbox } from "../repos/sandbox/choose.ts";
import { StoreLockedError } from "../store/lock.ts";
import { openStore } from "../store/store.ts";
import { compose, type Server } from "./compose.ts";
import { type ControlSocket, openControlSocket } from "./control-socket.ts";
import { holdStoreLock } from "./hold-lock.ts";
import { machineDoubts } from "./machine-doubts.ts";
import { raiseOpenFiles } from "./open-files.ts";
import { reachableUrl } from "./own-address.ts";
import { listenAddress, listenReason, storeObstacle, tlsFileProblems } from "./preflight.ts";
import { coalesce, reload } from "./reload.ts";
import type { Resources } from "./resources.ts";
import { runAsOwner } from "./run-as-owner.ts";
import { boundSendBuffers } from "./send-buffers.ts";
import { connectServiceManager, type ServiceManager } from "./service-manager.ts";
import { formatStart } from "./start-report.ts";

/** The server cannot start, for a reason that the admin can do something about. */
class StartError extends Error {}

const EXIT_FAILED = 1;
const EXIT_SIGINT = 130;
/** Time for transfers to end before a damaged index is rebuilt: nothing new is answered meanwhile. */
const DAMAGE_DRAIN_MS = 2000;
/** Closing connections takes no time; the exit must not hang on it. */
const BREAK_MS = 5000;

interface Listening {
  /** With the address as it was configured. */
  readonly url: string;
  /** One that people can open. */
  readonly reachable: string;
}

/** @throws {StartError} naming who has the port */
function listen(server: Server, { config }: LoadedConfig, port: number): Listening {
  const { address, tls_cert, tls_key } = config.server;
  const tls = tls_cert === "" ? undefined : { cert: Bun.file(tls_cert), key: Bun.file(tls_key) };
  const hostname = listenAddress(address);
  try {
    // Without reusePort: false a second server would silently take half of the connections.
    server.app.listen({ hostname, port, reusePort: false, ...(tls ? { tls } : {}) });
  } catch (error) {
    throw new StartError(
      `Cannot listen on server.address ${address}, server.port ${port}: ${listenReason(error, port)}`,
    );
  }
  const bound = server.app.server?.port ?? port;
  return {
    url: `${tls ? "https" : "http"}://${hostname.includes(":") ? `[${hostname}]` : hostname}:${bound}`,
    reachable: reachableUrl(hostname, bound, tls !== undefined),
  };
}

const NO_SANDBOX: ChosenSandbox = { sandbox: undefined, tried: [] };
/** Where no sandbox works, it is tried again after so long when an ebuild needs one: memory or processes may have run out. */
const SANDBOX_RETRY_MS = 10 * 60_000;

/** Waits until transfers have ended, for at most `drainMs`. */
async function drain(server: Server, socket: ControlSocket, drainMs: number): Promise<void> {
  server.drain();
  const ended = Promise.all([server.app.stop(false), socket.stop(false)]);
  await within(systemClock, drainMs, ended);
}

/** Resolves with the exit code at the first signal; a second one ends the process at once. */
function untilSignal(drainMs: () => number, manager: ServiceManager, log: Logger): Promise<number> {
  return new Promise((resolve) => {
    let signals = 0;
    const onSignal = (signal: "SIGINT" | "SIGTERM") => {
      const code = signal === "SIGINT" ? EXIT_SIGINT : 0;
      if (signals++ > 0) process.exit(code);
      manager.stopping();
      const seconds = drainMs() / 1000;
      log.info("{signal}: waiting up to {seconds} s for transfers to end; a second signal ends them at once", {
        signal,
        seconds,
      });
      resolve(code);
    };
    process.on("SIGINT", onSignal);
    process.on("SIGTERM", onSignal);
  });
}

/** @throws {StartError} naming what to change */
function checkStore(location: string): void {
  try {
    if (!exists(location)) mkdirSync(location, { recursive: true });
    accessSync(location, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    throw new StartError(
      `Cannot write the store ${location} (set storage.location to use another): ${reasonOf(error)}`,
    );
  }
}

interface Opened {
  readonly server: Server;
  /** Resolves when a query finds the index damaged. */
  readonly damaged: Promise<"damaged">;
  close(): Promise<void>;
}

/** Finds the sandbox that works on this machine, and logs it. */
async function findSandbox({ config }: LoadedConfig, log: Logger): Promise<ChosenSandbox> {
  const chosen = await chooseSandbox({ wanted: config.repo.sandbox });
  const { sandbox, tried } = chosen;
  if (sandbox)
    log.info("Ebuilds without an md5-cache entry are evaluated in a sandbox: {sandbox}", { sandbox: sandbox.kind });
  else {
    const problem = [...new Set(tried.map((one) => one.problem))].join("; ");
    log.warn("Ebuilds without an md5-cache entry are not evaluated: no sandbox works here. {problem}", { problem });
  }
  return chosen;
}

/** Finds the sandbox at once, and again later where none works. */
function keepSandbox(loaded: LoadedConfig, log: Logger): () => Promise<ChosenSandbox> {
  if (loaded.config.repo.evaluate === "never") return async () => NO_SANDBOX;
  let chosen = findSandbox(loaded, log);
  let chosenAt = performance.now();
  return async () => {
    const { sandbox } = await chosen;
    if (sandbox === undefined && performance.now() - chosenAt > SANDBOX_RETRY_MS) {
      chosenAt = performance.now();
      chosen = findSandbox(loaded, log);
    }
    return await chosen;
  };
}

/** Parts that outlive the index. */
interface LongLived {
  readonly sandbox: () => Promise<ChosenSandbox>;
  readonly dashboard: DashboardFiles | undefined;
  /** Whether the index was found damaged, so that all of it has to be checked. */
  readonly checkAll: boolean;
}

function open(config: Config, resources: Resources, { sandbox, dashboard, checkAll }: LongLived, log: Logger): Opened {
  const { location } = config.storage;
  const index = openIndexOrNone(`${location}/index.sqlite`, resources.migrationsFolder, checkAll);
  const { damages, refused } = index;
  if (refused !== undefined) {
    log.error("Cannot open the index ({refused}): what the server learns is lost at the next restart", { refused });
  }
  for (const damage of damages) {
    log.warn("The index was damaged ({file}: {damage}) and is rebuilt; the damaged file is {file}.damaged", {
      ...damage,
    });
  }
  const { promise: damaged, resolve } = Promise.withResolvers<"damaged">();
  const server = compose({
    config,
    store: openStore(location),
    index,
    environment: resources.environment,
    sandbox,
    dashboard,
    hashWorkerUrl: resources.hashWorkerUrl,
    scanWorkerUrl: resources.scanWorkerUrl,
    importWorkerUrl: resources.importWorkerUrl,
    historyWorkerUrl: resources.historyWorkerUrl,
    userAgent: resources.userAgent,
    clock: systemClock,
    log,
    onIndexDamage: () => resolve("damaged"),
  });
  const close = async () => {
    await server.stop();
    try {
      index.close();
    } catch (error) {
      log.warn("Cannot close the index cleanly: {error}", { error });
    }
  };
  return { server, damaged, close };
}

/** Calls `begin`; if it throws, closes first what was opened before, as that would keep the process alive. */
async function orClose<T>(close: () => Promise<void>, begin: () => T): Promise<T> {
  try {
    return begin();
  } catch (error) {
    await close();
    throw error;
  }
}

/** Tells whether the server needs root after its start: for a privileged port, or a key that only root may read. */
function needsRoot({ port, tls_key }: Config["server"]): boolean {
  return (port > 0 && port < 1024) || tls_key !== "";
}

/** Prints where the server listens, and what it works with unless only programs read it. */
function printStart(
  server: Server,
  { url, reachable }: Listening,
  { format, level }: Config["log"],
  log: Logger,
): void {
  console.log(`portcache listening on ${url}`);
  if (format === "json" || level === "warn" || level === "error") return;
  try {
    console.log(formatStart({ ...server.startFacts(), url: reachable }).join("\n"));
  } catch (error) {
    // A damaged index is found by the requests as well, and rebuilt.
    log.warn("Cannot show what the server works with: {error}", { error });
  }
}

async function run(loaded: LoadedConfig, resources: Resources, manager: ServiceManager, log: Logger): Promise<number> {
  const live = createLiveConfig(loaded.config);
  const { storage, server: settings } = live.config;
  checkStore(storage.location);
  if (!needsRoot(settings)) runAsOwner(storage.location);
  const obstacle = storeObstacle(storage.location);
  if (obstacle !== undefined) throw new StartError(`Cannot write the store ${storage.location}: ${obstacle}`);
  const lock = await holdStoreLock(storage.location, `portcache serve (process ${process.pid})`, log);
  const files = raiseOpenFiles();
  if (files !== undefined) log.debug("Limit of open files: {files}; each client needs one or two", { files });
  const signalled = untilSignal(() => settings.drain, manager, log);
  const noServer = async () => undefined;
  let reconfigure: () => Promise<void> = noServer;
  const load = resources.reload;
  /** Undefined until the server listens. */
  let status: string | undefined;
  process.on(
    "SIGHUP",
    coalesce(async () => {
      if (status !== undefined) manager.reloading();
      await reload({ live, load, reconfigure: () => reconfigure(), log });
      if (status !== undefined) manager.ready(status);
    }),
  );
  const sandbox = keepSandbox(loaded, log);
  const dashboard = await readDashboard(resources.dashboardFolder);
  let checkAll = false;
  for (let port = settings.port; ; ) {
    const { server, damaged, close } = open(live.config, resources, { sandbox, dashboard, checkAll }, log);
    const listening = await orClose(close, () => listen(server, loaded, port));
    boundSendBuffers(log);
    port = server.app.server?.port ?? port;
    reconfigure = server.reconfigure;
    const socket = openControlSocket(storage.location, server.answerBySocket, log);
    printStart(server, listening, loaded.config.log, log);
    status = `Serving at ${listening.reachable}/`;
    manager.ready(status);
    server
      .startBackground()
      .catch((error: unknown) => log.error("Cannot start the work in the background: {error}", { error }));
    const code = await Promise.race([signalled, damaged, lock.lost]);
    if (code === "lost") return EXIT_FAILED;
    reconfigure = noServer;
    await drain(server, socket, code === "damaged" ? DAMAGE_DRAIN_MS : settings.drain);
    // Whatever has not ended by now is cut off.
    await within(systemClock, BREAK_MS, Promise.all([server.app.server?.stop(true), socket.stop(true)]));
    await close();
    if (code !== "damaged") {
      await (await sandbox()).sandbox?.stop();
      lock.release();
      return code;
    }
    checkAll = true;
    log.error("The index is damaged: restarting with a new one");
  }
}

/**
 * Serves until a signal.
 * @returns the exit code
 * @throws {ConfigError} if a file that the configuration names cannot be used
 */
export async function serve(loaded: LoadedConfig, resources: Resources): Promise<number> {
  const problems = tlsFileProblems(loaded);
  if (problems.length > 0) throw new ConfigError(problems);
  const { level, format } = loaded.config.log;
  const log = await openLog(level, format, { toJournal: writesToJournal(resources.environment, process.stderr.fd) });
  const doubts = machineDoubts(loaded, resources.environment["PATH"], Date.now());
  for (const note of [...loaded.notes, ...loaded.doubts, ...doubts]) log.warn("{note}", { note });
  const manager = connectServiceManager(resources.environment, log);
  try {
    return await run(loaded, resources, manager, log);
  } catch (error) {
    const isExplained = error instanceof StartError || error instanceof StoreLockedError;
    const message = isExplained
      ? error.message
      : `Cannot serve from ${loaded.config.storage.location}: ${reasonWithPath(error)}`;
    console.error(`${errorPrefix(resources.environment)}portcache: ${message}`);
    return EXIT_FAILED;
  }
}
