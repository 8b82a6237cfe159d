/**
 * Puts together what finds out where files can be had, for the server and for `portcache resolve`.
 */
import type { DistfileDownloadsDeps } from "../cache/miss.ts";
import type { Config } from "../config/schema.ts";
import type { WantedBy } from "../distfile/wanted-by.ts";
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import { createSemaphore } from "../lib/semaphore.ts";
import type { Hosts } from "../mirrors/hosts.ts";
import type { Mirrors } from "../mirrors/mirrors.ts";
import { createMetadataReader } from "../repos/ebuild-metadata.ts";
import { createEvaluator, type Evaluator } from "../repos/evaluate.ts";
import type { EvaluationRows } from "../repos/evaluation-cache.ts";
import { createMasters, type MastersDeps } from "../repos/masters.ts";
import type { ChosenSandbox } from "../repos/sandbox/choose.ts";
import { createResolver, type Resolver, type ResolverDeps } from "../resolver/resolver.ts";
import { createUriOrder } from "../resolver/uri-order.ts";
import { createPinAddress } from "../upstream/pinned-address.ts";
import type { UpstreamSettings } from "../upstream/request.ts";

/** As configured at the time of each request. */
/** Of the 256 requests that the platform makes at once so many are left for layout.conf, HEAD and the like. */
const TRANSFERS = 256 - 32;

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
  };
}

export interface ResolverParts {
  readonly evaluate: Config["repo"]["evaluate"];
  readonly wantedBy: (name: WantedBy["entry"]["name"]) => readonly WantedBy[];
  readonly entriesOf: ResolverDeps["entriesOf"];
  readonly discovered: MastersDeps["discovered"];
  readonly rows: EvaluationRows;
  readonly mirrors: Mirrors;
  readonly hosts: Hosts;
  /** Asked for when an ebuild has to be evaluated for the first time. */
  readonly sandbox: () => Promise<ChosenSandbox>;
  readonly clock: Clock;
  readonly log: Logger;
}

export function composeResolver(parts: ResolverParts): Resolver {
  const { discovered, mirrors, clock, log } = parts;
  const masters = createMasters({ discovered, customMirrorsPath: "/etc/portage/mirrors" });
  let ready: Evaluator | undefined;

  async function evaluator(): Promise<Evaluator | string> {
    if (parts.evaluate === "never") return 'is not evaluated, as repo.evaluate is "never"';
    const { sandbox } = await parts.sandbox();
    if (!sandbox) return "is not evaluated, as no sandbox works here (portcache check says why)";
    ready ??= createEvaluator(sandbox);
    return ready;
  }

  return createResolver({
    wantedBy: parts.wantedBy,
    entriesOf: parts.entriesOf,
    repositoryAt: (location) => discovered().repositories.find((repository) => repository.location === location),
    metadata: createMetadataReader({ masters, rows: parts.rows, evaluator, clock, log }),
    masters,
    mirrors,
    uriOrder: createUriOrder(parts.hosts, Math.random),
  });
}

/** Without SRC_URI mirrors are all there is, and RESTRICT is not looked at. */
export function createOffer(
  { fetcher }: Pick<Config, "fetcher">,
  resolver: Pick<Resolver, "sources">,
  mirrors: Mirrors,
): DistfileDownloadsDeps["findSources"] {
  return async (name, content) => {
    const uris = fetcher.src_uri ? content : undefined;
    if (uris) return await resolver.sources(name, uris);
    return { sources: () => mirrors.sources(name, content, []), refusals: [] };
  };
}
