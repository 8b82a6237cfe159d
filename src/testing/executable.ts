/**
 * Runs the compiled executable for the tests in scripts/: a child process in the root folder, with a configuration and a store of
 * its own.
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
  /** Override the defaults of tests: a loopback address, a free port, the store's folder and a mirror that refuses connections. */
  readonly settings?: Settings;
  /** Folder of the store; by default a temporary one that is removed with the server. */
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
  /** Returns what it has written to standard error so far. */
  log(): string;
  /** Returns the resident memory in bytes. */
  rssBytes(): number;
  /**
   * Sends the signal, SIGTERM by default, waits for the end, and removes the configuration.
   * @returns the exit code; 128 + N if signal N ended the process
   */
  stop(signal?: "SIGTERM" | "SIGINT" | "SIGKILL"): Promise<number>;
  signal(signal: "SIGHUP" | "SIGTERM" | "SIGINT"): void;
}

const START_MS = 20_000;
/** Refuses connections; the default would be a mirror on the internet. */
const REFUSING_MIRROR = "http://127.0.0.1:1";
const READY = /^portcache listening on (http:\/\/\S+)$/m;

/** Returns where scripts/build puts it. @throws {Error} when it has not been built */
export function executablePath(): string {
  const path = join(import.meta.dir, "../../dist/portcache");
  if (!existsSync(path)) throw new Error(`Cannot find ${path}: run scripts/build first`);
  return path;
}

/** Returns the environment without the settings of the user who runs the tests. */
function environment(more: Readonly<Record<string, string>> = {}): Record<string, string> {
  const env: Record<string, string> = {};
  for (const [name, value] of Object.entries(process.env)) {
    if (value !== undefined && !name.startsWith("PORTCACHE_")) env[name] = value;
  }
  return { ...env, ...more };
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

/** Formats settings as TOML, which takes JSON's strings, numbers and arrays of these. */
export function formatSettings(settings: Settings): string {
  const sections = Object.entries(settings).map(([section, keys]) => {
    const lines = Object.entries(keys).map(([key, value]) => `${key} = ${JSON.stringify(value)}\n`);
    return `[${section}]\n${lines.join("")}`;
  });
  return sections.join("\n");
}

/** Reads standard output to its end, so that the child never blocks on it. */
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

/** Starts `portcache serve` and waits until it answers. @throws {Error} with its output if it does not */
export async function startExecutable(options: ServerOptions = {}): Promise<Server> {
  const { settings = {}, args = [], env } = options;
  const folder = createTempFolder("portcache-server-");
  const location = options.location ?? folder.file("store");
  const configFile = folder.file("portcache.toml");
  const server = { address: "127.0.0.1", port: 0, ...settings["server"] };
  const fetcher = { mirrors: [REFUSING_MIRROR], ...settings["fetcher"] };
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
    // Many tests kill a server without disposing of it.
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
