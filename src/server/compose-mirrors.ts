/**
 * Puts together the statistics of hosts, the layouts and contents of mirrors, and the selection among the configured mirrors.
 */
import type { Config } from "../config/schema.ts";
import { MAX_LAYOUT_CONF_BYTES } from "../distfile/layout.ts";
import type { MirrorAnswers, StoredLayout } from "../distfile/mirror-records.ts";
import { createHostRows } from "../index/hosts.ts";
import { createMirrorAnswerRows, createMirrorLayoutRows } from "../index/mirrors.ts";
import type { Index } from "../index/open.ts";
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import { createHosts, type Hosts } from "../mirrors/hosts.ts";
import { createLayouts } from "../mirrors/layouts.ts";
import { createMirrors, type Mirrors, mirrorKey } from "../mirrors/mirrors.ts";
import { getText } from "../upstream/get-text.ts";
import type { ComposedUpstream } from "./compose-upstream.ts";

export interface MirrorsParts {
  readonly config: Pick<Config, "fetcher">;
  readonly index: Pick<Index, "db">;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface ComposedMirrors {
  readonly hosts: Hosts;
  readonly mirrors: Mirrors;
}

/** Repositories name any number of hosts. */
const MAX_UNAVAILABLE = 1_000;

export function composeMirrors(parts: MirrorsParts, upstream: ComposedUpstream): ComposedMirrors {
  const { config, clock, log } = parts;
  const { db } = parts.index;
  const layoutRows = createMirrorLayoutRows(db);

  function storeLayout(url: string, layout: StoredLayout): void {
    const mirror = mirrorKey(url);
    try {
      layoutRows.put(mirror, layout);
    } catch (error) {
      // It is fetched again after a restart, and the mirror is used all the same.
      log.warn("Cannot store the layout.conf of {mirror}: {error}", { mirror, error });
    }
  }

  const layouts = createLayouts({
    rows: { get: (url) => layoutRows.get(mirrorKey(url)), put: storeLayout },
    clock,
    log,
    onChange: (mirror) => mirrors.forgetContents(mirrorKey(mirror)),
    getText: (url, origin) => getText(upstream.own, url, origin, MAX_LAYOUT_CONF_BYTES),
  });
  const answers = createMirrorAnswerRows(db);

  function storeAnswers(counts: MirrorAnswers): void {
    try {
      answers.put(counts);
    } catch (error) {
      // It is learned again after a restart, and no download fails for it.
      log.warn("Cannot store which files {mirror} has: {error}", { mirror: counts.mirror, error });
    }
  }

  /** The log has a line when a host becomes unavailable, not each time that a trial fails. */
  const unavailable = new Set<string>();
  const hosts = createHosts({
    rows: createHostRows(db),
    clock,
    waits: upstream.waits,
    onCircuitChange(host, openForMs) {
      if (openForMs === undefined) {
        unavailable.delete(host);
        log.info("{host} is available again", { host });
        return;
      }
      const properties = { host, seconds: openForMs / 1000 };
      const text = "{host} is unavailable: it is asked last for {seconds} s";
      if (unavailable.has(host)) log.debug(text, properties);
      else log.warn(text, properties);
      unavailable.add(host);
      const [oldest] = unavailable;
      if (unavailable.size > MAX_UNAVAILABLE && oldest !== undefined) unavailable.delete(oldest);
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
    answers: { all: answers.all, put: storeAnswers },
    hosts,
    clock,
  });
  return { hosts, mirrors };
}
