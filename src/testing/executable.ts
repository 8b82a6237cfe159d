/**
 * Runs the compiled executable as a user would: a child process with a configuration and a store of its own,
 * started from the root folder. For the tests in scripts/; units are tested without it.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createTempFolder } from "./temp.ts";

/** Settings by section and key, as in portcache.toml. */
export type Settings = Readonly<
  Record<string, Readonly<Record<string, string | number | boolean | readonly string[]>>>
>;

export interface Finished {
  readonly exit: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ServerOptions {
  /** Besides a loopback address, a free port, the store's folder and no real mirror, which are set unless they are given here. */
  readonly settings?: Settings;
  /** Folder of the store; one of its own, removed with the server, where it is not given. */
  readonly location?: string;
  readonly args?: readonly string[];
  /** Path of another executable than the one that scripts/build makes. */
  readonly executable?: string;
  readonly env?: Readonly<Record<string, string>>;
}

export interface Server extends AsyncDisposable {
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  readonly pid: number;
  readonly location: string;
  readonly configFile: string;
  /** What it has written to standard error so far. */
  log(): string;
  /** Resident memory in bytes. */
  rssBytes(): number;
  /**
   * Sends the signal (SIGTERM by default) and waits for the end, with which the configuration goes.
   * @returns the exit code; 128 + N where signal N ended it
   */
  stop(signal?: "SIGTERM" | "SIGINT" | "SIGKILL"): Promise<number>;
  signal(signal: "SIGHUP" | "SIGTERM" | "SIGINT"): void;
}

const START_MS = 20_000;
/** Refuses connections: the default would be a mirror of Gentoo's. */
const NOBODY = "http://127.0.0.1:1";
const READY = /^portcache listening on (http:\/\/\S+)$/m;

/** Where scripts/build puts it. @throws {Error} when it has not been built */
export function executablePath(): string {
  const path = join(import.meta.dir, "../../dist/portcache");
  if (!existsSync(path)) throw new Error(`Cannot find ${path}: run scripts/build first`);
  return path;
}

/** The environment without settings of whoever runs the tests. */
function environment(more: Readonly<Record<string, string>> = {}): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const [name, value] of Object.entries(process.env)) {
    if (value !== undefined && !name.startsWith("PORTCACHE_")) kept[name] = value;
  }
  return { ...kept, ...more };
}

/** Runs one command to its end. */
export async function runExecutable(
  args: readonly string[],
  { env, stdin = "" }: { readonly env?: Readonly<Record<string, string>>; readonly stdin?: string } = {},
): Promise<Finished> {
  const child = Bun.spawn([executablePath(), ...args], {
    cwd: "/",
    env: environment(env),
    stdin: Buffer.from(stdin),
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr, exit] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  return { exit, stdout, stderr };
}

/** TOML takes JSON's strings, numbers and arrays of these as they are. */
export function formatSettings(settings: Settings): string {
  const sections = Object.entries(settings).map(([section, keys]) => {
    const lines = Object.entries(keys).map(([key, value]) => `${key} = ${JSON.stringify(value)}\n`);
    return `[${section}]\n${lines.join("")}`;
  });
  return sections.join("\n");
}

/** Reads on to the end, so that the child never waits for its reader. */
async function readOutput(stdout: ReadableStream<Uint8Array>, onReady: (url: string) => void): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const bytes of stdout) {
    text += decoder.decode(bytes, { stream: true });
    const url = READY.exec(text)?.[1];
    if (url !== undefined) onReady(url);
  }
  return text;
}

/** Starts `portcache serve` and waits until it answers. @throws {Error} with its output when it does not */
export async function startExecutable(options: ServerOptions = {}): Promise<Server> {
  const { settings = {}, args = [], env } = options;
  const folder = createTempFolder("portcache-server-");
  const location = options.location ?? folder.file("store");
  const configFile = folder.file("portcache.toml");
  const server = { address: "127.0.0.1", port: 0, ...settings["server"] };
  const fetcher = { mirrors: [NOBODY], ...settings["fetcher"] };
  const storage = { location, ...settings["storage"] };
  writeFileSync(configFile, formatSettings({ ...settings, server, fetcher, storage }));
  const logFile = folder.file("log");
  const child = Bun.spawn([options.executable ?? executablePath(), "serve", "--config", configFile, ...args], {
    cwd: "/",
    env: environment(env),
    stdin: "ignore",
    stdout: "pipe",
    stderr: Bun.file(logFile),
  });
  const readLog = () => (existsSync(logFile) ? readFileSync(logFile, "utf8") : "");
  let lastLog: string | undefined;
  const log = () => lastLog ?? readLog();

  async function stop(signal: "SIGTERM" | "SIGINT" | "SIGKILL" = "SIGTERM"): Promise<number> {
    child.kill(signal);
    const exit = await child.exited;
    lastLog ??= readLog();
    // What is left is the caller's: many are killed, and not disposed of.
    if (options.location !== undefined) folder.remove();
    return exit;
  }

  const ready = Promise.withResolvers<string>();
  const timer = setTimeout(() => {
    ready.reject(new Error(`portcache does not answer within ${START_MS} ms:\n${log()}`));
    child.kill("SIGKILL");
  }, START_MS);
  readOutput(child.stdout, ready.resolve).then(
    (text) => ready.reject(new Error(`portcache ended before it answered:\n${text}${log()}`)),
    ready.reject,
  );
  const url = await ready.promise
    .finally(() => clearTimeout(timer))
    .catch((error: unknown) => {
      folder.remove();
      throw error;
    });

  return {
    url,
    pid: child.pid,
    location,
    configFile,
    log,
    rssBytes() {
      const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${child.pid}/status`, "utf8"))?.[1];
      return Number(kib) * 1024;
    },
    stop,
    signal: (signal) => child.kill(signal),
    async [Symbol.asyncDispose]() {
      await stop("SIGKILL");
      folder.remove();
    },
  };
}
