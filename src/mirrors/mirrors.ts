/**
 * The configured mirrors as places to fetch a distfile from.
 */
import type { Digests } from "../distfile/digests.ts";
import type { DistfileName } from "../distfile/name.ts";
import type { Clock } from "../lib/clock.ts";
import { maskCredentials } from "../lib/url.ts";
import { type Answers, createCarried } from "./carried.ts";
import type { Layouts } from "./layouts.ts";
import { orderMirrors, type Strategy } from "./order.ts";

/** A mirror's offer of one file; the shape that fetch/ asks for. */
export interface MirrorSource {
  readonly label: string;
  readonly trustedOrigin: string;
  locate(): Promise<string>;
  report(outcome: "delivered" | "absent" | "failed"): void;
  /** False where this mirror has not had the files of these repositories so far. */
  readonly likely: boolean;
}

export interface Mirrors {
  /**
   * In the order to ask them for this file.
   * @param repositories names of those that want it; empty where none does
   */
  sources(name: DistfileName, digests: Digests | undefined, repositories: readonly string[]): readonly MirrorSource[];
}

export interface MirrorsDeps {
  /** Base URLs as in GENTOO_MIRRORS, with or without a slash at the end. */
  readonly urls: readonly string[];
  readonly strategy: Strategy;
  readonly layouts: Layouts;
  /** What they answered before, over restarts. */
  readonly answers: Answers;
  readonly clock: Clock;
}

/** As Portage quotes a mirror's path (urllib.parse.quote): all but letters, digits and `/_.-~`. */
function quotePath(path: string): string {
  const hex = (char: string) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`;
  return encodeURIComponent(path)
    .replaceAll("%2F", "/")
    .replace(/[!'()*]/g, hex);
}

export function createMirrors({ urls, strategy, layouts, answers, clock }: MirrorsDeps): Mirrors {
  const carried = createCarried(answers);
  const mirrors = urls.map((url) => ({ url: url.replace(/\/+$/, ""), failedAt: undefined as number | undefined }));
  let turn = 0;
  return {
    sources(name, digests, repositories) {
      return orderMirrors(mirrors, strategy, turn++, clock.now()).map((mirror) => ({
        label: maskCredentials(mirror.url),
        trustedOrigin: new URL(mirror.url).origin,
        locate: async () => `${mirror.url}/distfiles/${quotePath(await layouts.pathAt(mirror.url, name, digests))}`,
        likely: carried.isLikely(mirror.url, repositories),
        report(outcome) {
          mirror.failedAt = outcome === "failed" ? clock.now() : undefined;
          if (outcome !== "failed") carried.record(mirror.url, repositories, outcome === "delivered");
        },
      }));
    },
  };
}
