/**
 * The configured mirrors as places to fetch a distfile from.
 */
import type { Digests } from "../distfile/digests.ts";
import type { MirrorPath } from "../distfile/mirror-path.ts";
import type { DistfileName } from "../distfile/name.ts";
import type { Source } from "../distfile/source.ts";
import type { Clock } from "../lib/clock.ts";
import { maskCredentials } from "../lib/url.ts";
import { type Answers, createCarried } from "./contents.ts";
import type { Place, Places } from "./hosts.ts";
import type { Layouts } from "./layouts.ts";
import { levelAfter, orderPlaces, type Question, type Strategy } from "./selection.ts";

export interface MirrorSource extends Source {
  readonly trustedOrigin: string;
  /** False where this mirror has not had the files of these repositories so far. */
  readonly likely: boolean;
}

export interface Mirrors {
  /**
   * In the order to ask them for this file, as things stand now.
   * @param repositories names of those that want it; empty where none does
   */
  sources(name: DistfileName, digests: Digests | undefined, repositories: readonly string[]): readonly MirrorSource[];
  /** The same for what else a mirror has. */
  pathSources(path: MirrorPath): readonly MirrorSource[];
}

export interface MirrorsDeps {
  /** Base URLs as in GENTOO_MIRRORS, with or without a slash at the end; asked for each time, as is the strategy. */
  readonly urls: readonly string[];
  readonly strategy: Strategy;
  readonly layouts: Layouts;
  /** What they answered before, over restarts. */
  readonly answers: Answers;
  readonly places: Places;
  readonly clock: Clock;
}

/** What a mirror is known by. */
export function mirrorKey(url: string): string {
  return url.replace(/\/+$/, "");
}

/** As Portage quotes a mirror's path (urllib.parse.quote): all but letters, digits and `/_.-~`. */
function quotePath(path: string): string {
  const hex = (char: string) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`;
  return encodeURIComponent(path)
    .replaceAll("%2F", "/")
    .replace(/[!'()*]/g, hex);
}

/** What all that is asked of one mirror has in common. */
function base({ key, hedgeDelayMs, expectedMs, status, rangeIgnored }: Place) {
  const label = maskCredentials(key);
  return { label, trustedOrigin: new URL(key).origin, hedgeDelayMs, expectedMs, status, rangeIgnored };
}

export function createMirrors(deps: MirrorsDeps): Mirrors {
  const { layouts, answers, places, clock } = deps;
  const carried = createCarried(answers);
  let turn = 0;

  function inOrder(bytes: number | undefined): readonly Place[] {
    const { urls, strategy } = deps;
    const mirrors = urls.map((url) => places.at(mirrorKey(url)));
    const { levelMs } = places;
    const question: Question = { strategy, bytes, turn: turn++, now: clock.now(), levelMs };
    places.levelMs = levelAfter(mirrors, question);
    return orderPlaces(mirrors, question);
  }

  return {
    sources(name, digests, repositories) {
      return inOrder(digests?.size).map((mirror) => ({
        ...base(mirror),
        locate: async () => `${mirror.key}/distfiles/${quotePath(await layouts.pathAt(mirror.key, name, digests))}`,
        likely: carried.isLikely(mirror.key, repositories),
        startRequest: (bytes) =>
          mirror.startRequest(bytes, (outcome) => {
            const answered = outcome === "delivered" || outcome === "absent";
            if (answered) carried.record(mirror.key, repositories, outcome === "delivered");
          }),
      }));
    },
    pathSources: (path) =>
      inOrder(undefined).map((mirror) => ({
        ...base(mirror),
        locate: async () => `${mirror.key}/${quotePath(path)}`,
        likely: true,
        startRequest: (bytes) => mirror.startRequest(bytes),
      })),
  };
}
