/**
 * Finds a file's path at a mirror by the mirror's layout.conf (GLEP 75), which is fetched once a day and kept over restarts.
 */
import type { Digests } from "../distfile/digests.ts";
import { SourceError } from "../distfile/errors.ts";
import { FLAT, type Layout, layoutPath, parseLayoutConf } from "../distfile/layout.ts";
import type { DistfileName } from "../distfile/name.ts";
import type { Clock } from "../lib/clock.ts";
import { reasonOf } from "../lib/error-reason.ts";

/** As in Portage (fetch.py, async_mirror_url: "refresh at least daily"). */
const FRESH_MS = 24 * 60 * 60 * 1000;
/** After a failure the stored one is used for so long before the mirror is asked again. */
const RETRY_MS = 5 * 60 * 1000;
/** Without a stored one the mirror can't be used; it is asked again after so long. */
const FAILURE_TTL_MS = 10 * 1000;

/** Where layout.conf outlives a restart; its text is empty where the mirror has none. */
export interface LayoutRows {
  get(url: string): { readonly layoutConf: string; readonly fetchedAt: number } | undefined;
  put(url: string, layout: { readonly layoutConf: string; readonly fetchedAt: number }): void;
}

export interface LayoutsDeps {
  readonly rows: LayoutRows;
  readonly clock: Clock;
  /** Fetches the text at a mirror's URL. @throws {SourceError} "absent" where there is none */
  getText(url: string, origin: string): Promise<string>;
}

export interface Layouts {
  /**
   * Returns a file's path below the mirror's distfiles/, by the first of the mirror's layouts that can be used.
   * @throws {SourceError} when the mirror's layout is unknown and can't be fetched
   */
  pathAt(mirror: string, name: DistfileName, digests: Digests | undefined): Promise<string>;
}

/** A mirror's layouts, parsed once: they are needed for every file that the mirror is asked for. */
interface KnownLayouts {
  readonly layouts: readonly Layout[];
  readonly fetchedAt: number;
}

/** Repeats a recent failure. */
function repeated(cause: unknown): SourceError {
  const kind = cause instanceof SourceError ? cause.kind : "failed";
  return new SourceError(kind, `${reasonOf(cause)} (for its layout.conf, a moment ago)`, { cause });
}

export function createLayouts({ rows, clock, getText }: LayoutsDeps): Layouts {
  const known = new Map<string, KnownLayouts>();
  const fetching = new Map<string, Promise<KnownLayouts>>();
  const failed = new Map<string, { readonly at: number; readonly error: unknown }>();

  async function fetchLayout(mirror: string): Promise<string> {
    try {
      const text = await getText(`${mirror}/distfiles/layout.conf`, new URL(mirror).origin);
      return parseLayoutConf(text) ? text : "";
    } catch (error) {
      // A mirror that answers, but not with a layout.conf (404; 403 of object stores; a huge page), is flat.
      if (
        error instanceof SourceError &&
        (error.status !== undefined || error.kind === "absent" || error.kind === "bad")
      )
        return "";
      throw error;
    }
  }

  function keep(mirror: string, layoutConf: string, fetchedAt: number): KnownLayouts {
    const kept = { layouts: parseLayoutConf(layoutConf) ?? [FLAT], fetchedAt };
    known.set(mirror, kept);
    return kept;
  }

  function storedLayouts(mirror: string): KnownLayouts | undefined {
    const stored = rows.get(mirror);
    return stored && keep(mirror, stored.layoutConf, stored.fetchedAt);
  }

  async function refresh(mirror: string, before: KnownLayouts | undefined): Promise<KnownLayouts> {
    try {
      const layoutConf = await fetchLayout(mirror);
      const now = clock.now();
      rows.put(mirror, { layoutConf, fetchedAt: now });
      failed.delete(mirror);
      return keep(mirror, layoutConf, now);
    } catch (error) {
      failed.set(mirror, { at: clock.now(), error });
      if (before === undefined) throw error;
      return before;
    } finally {
      fetching.delete(mirror);
    }
  }

  async function layoutsOf(mirror: string): Promise<readonly Layout[]> {
    const before = known.get(mirror) ?? storedLayouts(mirror);
    const now = clock.now();
    const age = now - (before?.fetchedAt ?? Number.NEGATIVE_INFINITY);
    // A negative age says that the clock was set back.
    const fresh = age >= 0 && age < FRESH_MS;
    const failure = failed.get(mirror);
    const sinceFailure = now - (failure?.at ?? Number.NEGATIVE_INFINITY);
    const waiting = before !== undefined && sinceFailure >= 0 && sinceFailure < RETRY_MS;
    if (before === undefined && failure && sinceFailure >= 0 && sinceFailure < FAILURE_TTL_MS) {
      throw repeated(failure.error);
    }
    if (before && (fresh || waiting)) return before.layouts;
    const answer = fetching.get(mirror) ?? refresh(mirror, before);
    fetching.set(mirror, answer);
    return (await answer).layouts;
  }

  return {
    async pathAt(mirror, name, digests) {
      const layouts = await layoutsOf(mirror);
      for (const layout of layouts) {
        const path = layoutPath(layout, name, digests);
        if (path !== undefined) return path;
      }
      return name;
    },
  };
}
