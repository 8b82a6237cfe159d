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

/** Addresses that stand for all of them, by those at which this machine reaches itself. In containers it may lack one. */
const OWN_ADDRESSES: Readonly<Record<string, readonly string[]>> = {
  "::": ["127.0.0.1", "::1"],
  "0.0.0.0": ["127.0.0.1"],
};

function healthUrls({ address, port, tls_cert }: Config["server"]): readonly string[] {
  const listening = listenAddress(address);
  return (OWN_ADDRESSES[listening] ?? [listening]).map(
    (host) => `${tls_cert === "" ? "http" : "https"}://${host.includes(":") ? `[${host}]` : host}:${port}/healthz`,
  );
}

type Health = "answers" | "refuses" | "hangs";

interface Asked {
  readonly url: string;
  readonly health: Health;
  readonly detail: string;
}

async function ask(url: string): Promise<Asked> {
  try {
    const signal = AbortSignal.timeout(ANSWER_MS);
    // The certificate is for the name that clients use.
    const response = await fetch(url, { signal, tls: { rejectUnauthorized: false } });
    const detail = shown((await response.text()).trim());
    return { url, health: response.status === 200 ? "answers" : "refuses", detail };
  } catch (error) {
    const isLate = error instanceof Error && error.name === "TimeoutError";
    const detail = isLate ? `no answer within ${ANSWER_MS / 1000} s` : reasonOf(error);
    return { url, health: isLate ? "hangs" : "refuses", detail };
  }
}

/** Asks the addresses one after the other, until one takes the connection. */
async function askAny(urls: readonly string[]): Promise<Asked> {
  let first: Asked | undefined;
  for (const url of urls) {
    const asked = await ask(url);
    if (asked.health !== "refuses") return asked;
    first ??= asked;
  }
  return first ?? { url: "", health: "refuses", detail: "no address" };
}

/**
 * @param onlyHung whether only a server that takes connections and does not answer counts as unhealthy: one that refuses them may be
 * starting, and one that has ended is known to its supervisor
 * @returns the exit code
 */
export async function healthcheck({ config }: LoadedConfig, onlyHung: boolean, output: Output): Promise<number> {
  const urls = healthUrls(config.server);
  if (config.server.port === 0) {
    output.err("portcache: server.port is 0: the port that the server listens on is not known");
    return EXIT_FAILED;
  }
  let asked = await askAny(urls);
  for (let tries = 1; onlyHung && asked.health === "hangs" && tries < TRIES; tries++) asked = await askAny(urls);
  if (asked.health === "answers") output.out(asked.detail);
  else output.err(`portcache: ${asked.url}: ${asked.detail}`);
  const isWell = asked.health === "answers" || (onlyHung && asked.health !== "hangs");
  return isWell ? 0 : EXIT_FAILED;
}
