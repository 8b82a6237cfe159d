/**
 * Asks /healthz of the configured address, for `portcache healthcheck` and supervisors that restart what hangs.
 */
import type { LoadedConfig } from "../config/load.ts";
import type { Config } from "../config/schema.ts";
import { reasonOf } from "../lib/error-reason.ts";
import { shown } from "../lib/text.ts";
import { listenAddress } from "../server/preflight.ts";
import { EXIT_FAILED } from "./exit.ts";
import type { Output } from "./output.ts";

/** A busy server answers within a second or two. */
const ANSWER_MS = 10_000;
/** A single answer may be late on a machine that is short of memory or of processors. */
const TRIES = 3;

/** Addresses that stand for all of them, by the one at which this machine reaches itself. */
const OWN_ADDRESSES: Readonly<Record<string, string>> = { "::": "::1", "0.0.0.0": "127.0.0.1" };

function healthUrl({ address, port, tls_cert }: Config["server"]): string {
  const listening = listenAddress(address);
  const host = OWN_ADDRESSES[listening] ?? listening;
  return `${tls_cert === "" ? "http" : "https"}://${host.includes(":") ? `[${host}]` : host}:${port}/healthz`;
}

type Health = "answers" | "refuses" | "hangs";

async function ask(url: string): Promise<{ readonly health: Health; readonly detail: string }> {
  try {
    const signal = AbortSignal.timeout(ANSWER_MS);
    // The certificate is for the name that clients use.
    const response = await fetch(url, { signal, tls: { rejectUnauthorized: false }, proxy: "" });
    const detail = shown((await response.text()).trim());
    return { health: response.status === 200 ? "answers" : "refuses", detail };
  } catch (error) {
    const isLate = error instanceof Error && error.name === "TimeoutError";
    const detail = isLate ? `no answer within ${ANSWER_MS / 1000} s` : reasonOf(error);
    return { health: isLate ? "hangs" : "refuses", detail };
  }
}

/**
 * @param onlyHung whether only a server that takes connections and does not answer counts as ill: one that refuses them may be
 * starting, and one that has ended is known to its supervisor
 * @returns the exit code
 */
export async function healthcheck({ config }: LoadedConfig, onlyHung: boolean, output: Output): Promise<number> {
  const url = healthUrl(config.server);
  if (config.server.port === 0) {
    output.err("portcache: server.port is 0: the port that the server listens on is not known");
    return EXIT_FAILED;
  }
  let asked = await ask(url);
  for (let tries = 1; onlyHung && asked.health === "hangs" && tries < TRIES; tries++) asked = await ask(url);
  if (asked.health === "answers") output.out(asked.detail);
  else output.err(`portcache: ${url}: ${asked.detail}`);
  const isWell = asked.health === "answers" || (onlyHung && asked.health !== "hangs");
  return isWell ? 0 : EXIT_FAILED;
}
