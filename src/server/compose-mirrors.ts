/**
 * Puts together what is known of mirrors and hosts, and how the configured mirrors are chosen by it.
 */
import type { Config } from "../config/schema.ts";
import { createPlaceRows } from "../index/hosts.ts";
import { createMirrorAnswerRows, type MirrorAnswers } from "../index/mirror-answers.ts";
import { createMirrorLayoutRows, type RememberedLayout } from "../index/mirror-layouts.ts";
import type { Index } from "../index/open.ts";
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import { maskCredentials } from "../lib/url.ts";
import { createPlaces, type Places } from "../mirrors/hosts.ts";
import { createLayouts } from "../mirrors/layouts.ts";
import { createMirrors, type Mirrors } from "../mirrors/mirrors.ts";
import { getText } from "../upstream/get-text.ts";
import type { UpstreamSettings } from "../upstream/request.ts";

export interface MirrorsParts {
  readonly config: Pick<Config, "fetcher">;
  readonly db: Index["db"];
  readonly settings: UpstreamSettings;
  /** Of requests that no client's request is behind. */
  readonly loopHeaders: () => Readonly<Record<string, string>>;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface ComposedMirrors {
  readonly places: Places;
  readonly mirrors: Mirrors;
}

export function composeMirrors({ config, db, settings, loopHeaders, clock, log }: MirrorsParts): ComposedMirrors {
  const layoutRows = createMirrorLayoutRows(db);
  /** Those that the index did not take. */
  const unwritten = new Map<string, RememberedLayout>();

  function rememberLayout(mirror: string, layout: RememberedLayout): void {
    try {
      layoutRows.put(mirror, layout);
      unwritten.delete(mirror);
    } catch (error) {
      // Then it is asked for again after a restart, and the mirror is as good as it was.
      unwritten.set(mirror, layout);
      log.warn("Cannot remember the layout.conf of {mirror}: {error}", { mirror: maskCredentials(mirror), error });
    }
  }

  const layouts = createLayouts({
    memory: { get: (mirror) => unwritten.get(mirror) ?? layoutRows.get(mirror), put: rememberLayout },
    clock,
    getText: (url, origin) => getText(url, origin, loopHeaders(), settings),
  });
  const answers = createMirrorAnswerRows(db);

  function rememberAnswers(answer: MirrorAnswers): void {
    try {
      answers.put(answer);
    } catch (error) {
      // Then it is learnt again after a restart, and no download fails for it.
      log.warn("Cannot remember which files {mirror} has: {error}", { mirror: maskCredentials(answer.mirror), error });
    }
  }

  const places = createPlaces({
    memory: createPlaceRows(db),
    clock,
    onCircuit(key, openForMs) {
      const place = maskCredentials(key);
      if (openForMs === undefined) log.info("{place} works again", { place });
      else log.warn("{place} is out of order and not asked for {seconds} s", { place, seconds: openForMs / 1000 });
    },
  });
  const mirrors = createMirrors({
    get urls() {
      return config.fetcher.mirrors;
    },
    get strategy() {
      return config.fetcher.strategy;
    },
    layouts,
    answers: { all: answers.all, put: rememberAnswers },
    places,
    clock,
  });
  return { places, mirrors };
}
