/**
 * Puts together what sends upstream requests, by the settings of the configuration.
 */
import type { Config } from "../config/schema.ts";
import type { HostWaits } from "../distfile/source.ts";
import type { IndexDatabase } from "../index/open.ts";
import { storeId } from "../index/store-id.ts";
import type { Clock } from "../lib/clock.ts";
import { createSemaphore } from "../lib/semaphore.ts";
import { createBodyTurns } from "../upstream/body-turns.ts";
import { createHostGate } from "../upstream/host-gate.ts";
import { createLoopGuard, type LoopGuard } from "../upstream/loop-guard.ts";
import { createPinAddress } from "../upstream/pinned-address.ts";
import { proxyFor } from "../upstream/proxy.ts";
import { createRawHosts } from "../upstream/raw-request.ts";
import { createUpstreamClient, type UpstreamClient, type UpstreamSettings } from "../upstream/request.ts";

export interface UpstreamParts {
  readonly config: Config;
  readonly index: { readonly db: IndexDatabase };
  readonly userAgent: string;
  /** Has the proxy, where the configuration names none. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
}

export interface ComposedUpstream {
  /** Sends requests of the server's own. */
  readonly own: UpstreamClient;
  /** Returns what sends requests on behalf of a client's, with its loop headers. */
  clientFor(request: { readonly headers: Headers }): UpstreamClient;
  readonly isLoop: LoopGuard["isLoop"];
  /** What hosts asked to wait. */
  readonly waits: HostWaits;
}

/** The platform makes 256 requests at once: 32 are left for layout.conf, HEAD and the like. */
const TRANSFERS = 224;

/** Returns settings that read the configuration at each use, so that a reload takes effect. */
export function upstreamSettings({
  config,
  userAgent,
  environment,
  clock,
}: Omit<UpstreamParts, "index">): UpstreamSettings {
  const { fetcher } = config;
  return {
    get connectTimeoutMs() {
      return fetcher.connect_timeout;
    },
    get stallTimeoutMs() {
      return fetcher.stall_timeout;
    },
    get userAgent() {
      return fetcher.user_agent === "" ? userAgent : fetcher.user_agent;
    },
    proxyFor: (url) => proxyFor(url, fetcher.proxy, environment),
    get privateNetworks() {
      return fetcher.private_networks;
    },
    enterBody: createBodyTurns(),
    slots: createSemaphore(TRANSFERS),
    pinAddress: createPinAddress({ clock }),
    hostGate: createHostGate(clock.now),
    rawHosts: createRawHosts(),
  };
}

export function composeUpstream({ index, ...parts }: UpstreamParts): ComposedUpstream {
  const settings = upstreamSettings(parts);
  const { isLoop, headersFor } = createLoopGuard(storeId(index.db));
  return {
    own: createUpstreamClient(settings, headersFor(undefined)),
    clientFor: ({ headers }) => createUpstreamClient(settings, headersFor(headers)),
    isLoop,
    waits: settings.hostGate,
  };
}
