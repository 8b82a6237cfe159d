/**
 * Lists the configured mirrors as sources of a file, in the order to ask them.
 */

import type { Digests } from "../distfile/digests.ts";
import type { MirrorPath } from "../distfile/mirror-path.ts";
import type { MirrorAnswerRows } from "../distfile/mirror-records.ts";
import type { DistfileName } from "../distfile/name.ts";
import type { Source } from "../distfile/source.ts";
import type { Clock } from "../lib/clock.ts";
import { withoutTrailing } from "../lib/text.ts";
import { maskCredentials } from "../lib/url.ts";
import { createMirrorContents } from "./contents.ts";
import { isLastResort } from "./host-stats.ts";
import type { Host, Hosts } from "./hosts.ts";
import type { Layouts } from "./layouts.ts";
import { nextVirtualTime, rankHosts, type SelectionContext, type Strategy } from "./selection.ts";

export interface MirrorSource extends Source {
  /** False where this mirror has not had the files of these repositories so far, or is down or asked to wait. */
  readonly likely: boolean;
  /** What asking it is expected to cost, in milliseconds, its 404s included; undefined while its circuit is open. */
  readonly costMs: number | undefined;
}

export interface Mirrors {
  /** Forgets which repositories' files a mirror has, as when it was asked for them at the wrong paths. */
  forgetContents(mirror: string): void;
  /**
   * Returns the mirrors in the order to ask them for this file, by what is known when it is called.
   * @param repositories names of those that want it; empty where none does
   */
  sources(name: DistfileName, digests: Digests | undefined, repositories: readonly string[]): readonly MirrorSource[];
  /** Returns the mirrors in the order to ask them for a mirror file. */
  mirrorFileSources(path: MirrorPath): readonly Source[];
  /** Returns whether a URL, without credentials, is one of a configured mirror. */
  haveUrl(url: string): boolean;
}

export interface MirrorsDeps {
  /** Base URLs as in GENTOO_MIRRORS, with or without a slash at the end; read for each file, as is the strategy. */
  readonly urls: readonly string[];
  readonly strategy: Strategy;
  readonly layouts: Layouts;
  readonly answers: MirrorAnswerRows;
  readonly hosts: Hosts;
  readonly clock: Clock;
}

function withoutSlash(url: string): string {
  return withoutTrailing(url, "/");
}

/**
 * Returns the key of a mirror among the hosts: its URL without a slash at the end, with credentials masked, as keys are shown and
 * kept on disk.
 */
export function mirrorKey(url: string): string {
  return maskCredentials(withoutSlash(url));
}

/** Quotes a mirror's path as Portage does (urllib.parse.quote): everything but letters, digits and `/_.-~`. */
function quotePath(path: string): string {
  const hex = (char: string) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`;
  return encodeURIComponent(path)
    .replaceAll("%2F", "/")
    .replace(/[!'()*]/g, hex);
}

function baseSource({ key, hedgeDelayMs, expectedMs, status, noteRange }: Host) {
  return { label: key, trustedOrigin: new URL(key).origin, hedgeDelayMs, expectedMs, status, noteRange };
}

export function createMirrors(deps: MirrorsDeps): Mirrors {
  const { layouts, answers, hosts, clock } = deps;
  const contents = createMirrorContents(answers, clock);
  let sequence = 0;

  function ranked(bytes: number | undefined, repositories: readonly string[]): readonly Host[] {
    const { urls, strategy } = deps;
    const mirrors = urls.map((url) => {
      const host = hosts.at(mirrorKey(url));
      const { stats, circuit, activeRequests, virtualFinishMs, lastRequestAt } = host;
      const chance = contents.chance(host.key, repositories);
      return { host, stats, circuit, activeRequests, virtualFinishMs, lastRequestAt, chance };
    });
    const { virtualTimeMs } = hosts;
    const context: SelectionContext = { strategy, bytes, sequence: sequence++, now: clock.now(), virtualTimeMs };
    hosts.virtualTimeMs = nextVirtualTime(mirrors, context);
    return rankHosts(mirrors, context).map(({ host }) => host);
  }

  /** Returns the mirror's URL with its credentials, to which paths are appended. */
  function baseOf({ key }: Host): string {
    return withoutSlash(deps.urls.find((url) => mirrorKey(url) === key) ?? key);
  }

  /** Places a file by the mirror's layout, and learns from the outcomes of its requests. */
  function atMirror(
    host: Host,
    name: DistfileName,
    digests: Digests | undefined,
    repositories: readonly string[],
  ): Pick<Source, "locate" | "startRequest"> {
    const base = baseOf(host);
    let foundAt: string | undefined;
    return {
      async locate() {
        const { paths, doubt } = await layouts.placementOf(base, name, digests);
        const byUrl = new Map(paths.map((path) => [`${base}/distfiles/${quotePath(path)}`, path]));
        const [url = base, ...others] = byUrl.keys();
        const noteFound = (found: string) => {
          foundAt = byUrl.get(found);
        };
        return { urls: [url, ...others], doubt, noteFound };
      },
      startRequest: (bytes) =>
        host.startRequest(bytes, contents.chance(host.key, repositories), (outcome) => {
          if (outcome === "delivered" && foundAt !== undefined) layouts.noteFound(base, foundAt);
          if (outcome === "absent") layouts.noteAbsent(base);
          const isAnswer = outcome === "delivered" || (outcome === "absent" && layouts.isKnown(base));
          if (isAnswer) contents.record(host.key, repositories, outcome === "delivered");
        }),
    };
  }

  return {
    forgetContents: contents.forget,
    sources(name, digests, repositories) {
      return ranked(digests?.size, repositories).map((mirror) => ({
        ...baseSource(mirror),
        ...atMirror(mirror, name, digests, repositories),
        likely: !isLastResort(mirror.circuit) && contents.isLikely(mirror.key, repositories),
        costMs: mirror.expectedCostMs(digests?.size ?? 0, contents.chance(mirror.key, repositories)),
      }));
    },
    haveUrl: (url) => deps.urls.some((mirror) => url.startsWith(`${mirrorKey(mirror)}/`)),
    mirrorFileSources: (path) =>
      ranked(undefined, []).map((mirror) => ({
        ...baseSource(mirror),
        locate: async () => ({ urls: [`${baseOf(mirror)}/${quotePath(path)}`] }),
        startRequest: (bytes) => mirror.startRequest(bytes),
      })),
  };
}
