/**
 * Runs commands and the service as a person at the machine would, for tests in scripts/openrc/container.
 */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";

export const LOG = "/var/log/portcache.log";
export const URL_OF_SERVER = "http://127.0.0.1:8000";

export interface Ran {
  readonly exit: number;
  /** Both streams, as a person would see them. */
  readonly text: string;
}

export async function run(...command: readonly string[]): Promise<Ran> {
  // Not through a pipe, which a supervisor in the background would hold open.
  const words = ["sh", "-c", 'exec "$@" >/tmp/output 2>&1', "sh", ...command];
  const exit = await Bun.spawn(words, { stdin: "ignore" }).exited;
  return { exit, text: readFileSync("/tmp/output", "utf8") };
}

export const service = (command: string, name = "portcache") => run("rc-service", name, command);

/** `rc-service start` does not wait until the server answers. */
export async function healthy(url = URL_OF_SERVER): Promise<string> {
  for (let i = 0; i < 200; i++) {
    try {
      return (await (await fetch(`${url}/healthz`)).text()).trim();
    } catch {
      await Bun.sleep(50);
    }
  }
  return `does not answer:\n${existsSync(LOG) ? readFileSync(LOG, "utf8") : ""}`;
}

export const isDown = () =>
  fetch(`${URL_OF_SERVER}/healthz`).then(
    () => false,
    () => true,
  );
/** Returns the pids of the service user's processes. */
export async function processesOfUser(): Promise<string[]> {
  const user = Number((await run("id", "-u", "portcache")).text);
  const numbers = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return numbers.filter((number) => statSync(`/proc/${number}`, { throwIfNoEntry: false })?.uid === user);
}

export const serverPid = () => Number(readFileSync("/run/openrc/options/portcache/child_pid", "utf8"));
