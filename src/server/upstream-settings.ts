/**
 * Maps the configuration to the settings of upstream requests.
 */
import type { Config } from "../config/schema.ts";
import type { Clock } from "../lib/clock.ts";
import { createSemaphore } from "../lib/semaphore.ts";
import { createHostGate } from "../upstream/host-gate.ts";
import { createPinAddress } from "../upstream/pinned-address.ts";
import { createRawHosts } from "../upstream/raw-request.ts";
import type { UpstreamSettings } from "../upstream/request.ts";

/** The platform makes 256 requests at once: some are left for layout.conf, HEAD and the like. */
const TRANSFERS = 256 - 32;

/** Returns settings that read the configuration at each use, so that a reload takes effect. */
export function upstreamSettings(config: Config, userAgent: string, clock: Clock): UpstreamSettings {
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
    get proxy() {
      return fetcher.proxy;
    },
    get privateNetworks() {
      return fetcher.private_networks;
    },
    slots: createSemaphore(TRANSFERS),
    pinAddress: createPinAddress({ clock }),
    hostGate: createHostGate(clock.now),
    rawHosts: createRawHosts(),
  };
}
