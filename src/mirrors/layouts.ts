/**
 * Finds a file's path at a mirror by the mirror's layout.conf (GLEP 75), which is fetched once a day and kept over restarts. Only a
 * well-formed layout.conf says where files are, and only its absence (404, 410) says that the mirror is flat: after any other
 * answer what was known stays, and where nothing was known files are looked for by both layouts.
 */
import type { Digests } from "../distfile/digests.ts";
import { SourceError } from "../distfile/errors.ts";
import { FLAT, type Layout, layoutPath, parseLayoutConf, STANDARD } from "../distfile/layout.ts";
import type { MirrorLayoutRows } from "../distfile/mirror-records.ts";
import type { DistfileName } from "../distfile/name.ts";
import type { Clock } from "../lib/clock.ts";
import { within } from "../lib/deadline.ts";
import { reasonOf } from "../lib/error-reason.ts";
import type { Logger } from "../lib/log.ts";
import { maskCredentials } from "../lib/url.ts";

/** As in Portage (fetch.py, async_mirror_url: "refresh at least daily"). */
const FRESH_MS = 24 * 60 * 60 * 1000;
/** How long the absence of a layout.conf holds, which may pass, until a file was had by the flat path. */
const ABSENCE_MS = 5 * 60 * 1000;
/** After how long a refresh that failed is tried again. */
const RETRY_MS = 5 * 60 * 1000;
/** Where nothing is known, a mirror that answered is asked again soon, and one that did not a little later. */
const RETRY_UNKNOWN_MS = 2_000;
const RETRY_SILENT_MS = 10_000;
/** A file does not wait longer for a slow layout.conf. */
const MAX_WAIT_MS = 3_000;

export interface LayoutsDeps {
  readonly rows: MirrorLayoutRows;
  readonly clock: Clock;
  readonly log: Logger;
  /** Fetches the text at a mirror's URL. @throws {SourceError} "absent" where there is none */
  getText(url: string, origin: string): Promise<string>;
  /** Called when a mirror turns out to have another layout than it was taken to have. */
  onChange(mirror: string): void;
}

/** Where a mirror may have a file. */
export interface Placement {
  /** Below the mirror's distfiles/, in the order to ask for them. */
  readonly paths: readonly string[];
  /** Why it may have the file although it is at none of the paths; undefined where the layout is known. */
  readonly doubt: string | undefined;
}

export interface Layouts {
  placementOf(mirror: string, name: DistfileName, digests: Digests | undefined): Promise<Placement>;
  /** Returns whether the mirror's layout is known, so that a 404 says that it lacks the file. */
  isKnown(mirror: string): boolean;
  /** Notes that a file was had by this path. */
  noteFound(mirror: string, path: string): void;
  /** Notes that a file was at none of its paths. */
  noteAbsent(mirror: string): void;
}

interface Conf {
  readonly text: string;
  readonly layouts: readonly Layout[];
  readonly fetchedAt: number;
}

interface State {
  /** The last well-formed layout.conf. */
  conf: Conf | undefined;
  /** When layout.conf was absent, if it was since `conf`. */
  absentAt: number | undefined;
  /** Whether a file was had by the flat path since then, and whether the last one asked for was. */
  flatFound: boolean;
  flatLast: boolean;
  failure: { readonly at: number; readonly retryMs: number; readonly reason: string } | undefined;
  refresh: Promise<void> | undefined;
}

/** Returns whether so little time has passed; never after the clock was set back. */
function isWithin(now: number, at: number, ms: number): boolean {
  return now >= at && now - at < ms;
}

export function createLayouts({ rows, clock, log, getText, onChange }: LayoutsDeps): Layouts {
  const states = new Map<string, State>();

  function stateOf(mirror: string): State {
    let state = states.get(mirror);
    if (!state) {
      const { layoutConf = "", fetchedAt = 0 } = rows.get(mirror) ?? {};
      const layouts = parseLayoutConf(layoutConf);
      const conf = layouts && { text: layoutConf, layouts, fetchedAt };
      const unknown = {
        absentAt: undefined,
        flatFound: false,
        flatLast: false,
        failure: undefined,
        refresh: undefined,
      };
      state = { conf, ...unknown };
      states.set(mirror, state);
    }
    return state;
  }

  function isFlat({ absentAt, flatFound }: State): boolean {
    return absentAt !== undefined && (flatFound || isWithin(clock.now(), absentAt, ABSENCE_MS));
  }

  function isFresh({ conf, absentAt, flatFound, flatLast, failure }: State): boolean {
    const now = clock.now();
    if (failure && isWithin(now, failure.at, failure.retryMs)) return true;
    if (absentAt === undefined) return conf !== undefined && isWithin(now, conf.fetchedAt, FRESH_MS);
    return isWithin(now, absentAt, flatFound && flatLast ? FRESH_MS : ABSENCE_MS);
  }

  function noteConf(mirror: string, state: State, text: string): void {
    const layouts = parseLayoutConf(text);
    if (!layouts) throw new SourceError("bad", "what it sends is no layout.conf with a known layout");
    const isNews = state.absentAt !== undefined || (state.conf !== undefined && state.conf.text !== text);
    state.conf = { text, layouts, fetchedAt: clock.now() };
    state.absentAt = undefined;
    state.flatFound = false;
    rows.put(mirror, { layoutConf: text, fetchedAt: clock.now() });
    if (isNews) onChange(mirror);
  }

  function noteFailure(mirror: string, state: State, error: unknown): void {
    const silent = !(error instanceof SourceError) || (error.status === undefined && error.kind !== "bad");
    const isKnown = state.conf !== undefined || state.flatFound;
    const retryMs = isKnown ? RETRY_MS : silent ? RETRY_SILENT_MS : RETRY_UNKNOWN_MS;
    const wasKnown = state.failure !== undefined;
    state.failure = { at: clock.now(), retryMs, reason: reasonOf(error) };
    if (wasKnown) return;
    const properties = { mirror: maskCredentials(mirror), error };
    if (isKnown)
      log.warn("Cannot refresh the layout.conf of {mirror}: {error}. Its last known layout is used.", properties);
    else
      log.warn(
        "Cannot get the layout.conf of {mirror}: {error}. Files are looked for by the usual layouts.",
        properties,
      );
  }

  async function refresh(mirror: string, state: State): Promise<void> {
    try {
      noteConf(mirror, state, await getText(`${mirror}/distfiles/layout.conf`, new URL(mirror).origin));
    } catch (error) {
      if (!(error instanceof SourceError) || error.kind !== "absent") {
        noteFailure(mirror, state, error);
        return;
      }
      state.absentAt = clock.now();
    } finally {
      state.refresh = undefined;
    }
    if (state.failure) log.info("{mirror} answers for its layout.conf again", { mirror: maskCredentials(mirror) });
    state.failure = undefined;
  }

  /** Returns the layouts to look by, the most likely first. */
  function layoutsOf(state: State): { readonly layouts: readonly (readonly Layout[])[]; readonly doubt?: string } {
    const { conf, absentAt, flatFound, flatLast, failure } = state;
    const hashed = conf?.layouts ?? [STANDARD];
    if (isFlat(state)) return { layouts: flatFound ? [[FLAT]] : [[FLAT], hashed] };
    if (conf && absentAt === undefined) return { layouts: [conf.layouts] };
    const doubt = `its layout.conf could not be fetched (${failure?.reason ?? "it is slow to answer"})`;
    return { layouts: flatLast ? [[FLAT], hashed] : [hashed, [FLAT]], doubt };
  }

  return {
    async placementOf(mirror, name, digests) {
      const state = stateOf(mirror);
      if (!isFresh(state)) {
        state.refresh ??= refresh(mirror, state);
        await within(clock, MAX_WAIT_MS, state.refresh);
      }
      const { layouts, doubt } = layoutsOf(state);
      const paths = layouts.map((some) => some.map((one) => layoutPath(one, name, digests)).find(Boolean) ?? name);
      return { paths: [...new Set(paths)], doubt };
    },
    isKnown(mirror) {
      const state = stateOf(mirror);
      return state.absentAt === undefined ? state.conf !== undefined : isFlat(state) && state.flatFound;
    },
    noteFound(mirror, path) {
      const state = stateOf(mirror);
      state.flatLast = !path.includes("/");
      if (state.absentAt === undefined) return;
      if (!state.flatLast) {
        // It has hashed paths, so its layout.conf was absent for a moment only.
        if (!state.flatFound) state.absentAt = undefined;
        return;
      }
      if (state.flatFound) return;
      state.flatFound = true;
      if (!state.conf) return;
      state.conf = undefined;
      rows.put(mirror, { layoutConf: "", fetchedAt: clock.now() });
      onChange(mirror);
    },
    noteAbsent(mirror) {
      stateOf(mirror).flatLast = false;
    },
  };
}
