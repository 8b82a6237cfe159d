/**
 * Which layout each mirror has: its layout.conf (GLEP 75), asked once a day and remembered over restarts.
 */
import type { Digests } from "../distfile/digests.ts";
import { SourceError } from "../distfile/errors.ts";
import { FLAT, type Layout, layoutPath, parseLayoutConf } from "../distfile/layout.ts";
import type { DistfileName } from "../distfile/name.ts";
import type { Clock } from "../lib/clock.ts";
import { reasonOf } from "../lib/error-reason.ts";

/** As Portage does (fetch.py, async_mirror_url: "refresh at least daily"). */
const FRESH_MS = 24 * 60 * 60 * 1000;
/** After a failure the remembered one serves for so long before the mirror is asked again. */
const RETRY_MS = 5 * 60 * 1000;
/** Where none is remembered the mirror can't be used; for so long that is known without asking. */
const AVOID_MS = 10 * 1000;

export interface LayoutMemory {
  /** Text is empty where the mirror has no layout.conf. */
  get(url: string): { readonly layoutConf: string; readonly fetchedAt: number } | undefined;
  put(url: string, layout: { readonly layoutConf: string; readonly fetchedAt: number }): void;
}

export interface LayoutsDeps {
  readonly memory: LayoutMemory;
  readonly clock: Clock;
  /** The text at a mirror's URL. @throws {SourceError} "absent" where there is none */
  getText(url: string, origin: string): Promise<string>;
}

export interface Layouts {
  /**
   * Path of a file below the mirror's distfiles/, by the first layout of the mirror that can be used.
   * @throws {SourceError} when the mirror's layout is not known and can't be asked for
   */
  pathAt(mirror: string, name: DistfileName, digests: Digests | undefined): Promise<string>;
}

/** The failure of a moment ago for who comes now. */
function asBefore(cause: unknown): SourceError {
  const kind = cause instanceof SourceError ? cause.kind : "failed";
  return new SourceError(kind, `${reasonOf(cause)} (for its layout.conf, a moment ago)`, { cause });
}

export function createLayouts({ memory, clock, getText }: LayoutsDeps): Layouts {
  const asking = new Map<string, Promise<string>>();
  const failed = new Map<string, { readonly at: number; readonly error: unknown }>();

  async function ask(mirror: string): Promise<string> {
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

  async function refresh(mirror: string, remembered: string | undefined): Promise<string> {
    try {
      const layoutConf = await ask(mirror);
      memory.put(mirror, { layoutConf, fetchedAt: clock.now() });
      failed.delete(mirror);
      return layoutConf;
    } catch (error) {
      failed.set(mirror, { at: clock.now(), error });
      if (remembered === undefined) throw error;
      return remembered;
    } finally {
      asking.delete(mirror);
    }
  }

  async function layoutsOf(mirror: string): Promise<readonly Layout[]> {
    const remembered = memory.get(mirror);
    const now = clock.now();
    const age = now - (remembered?.fetchedAt ?? Number.NEGATIVE_INFINITY);
    // A negative age says that the clock was set back.
    const fresh = age >= 0 && age < FRESH_MS;
    const failure = failed.get(mirror);
    const sinceFailure = now - (failure?.at ?? Number.NEGATIVE_INFINITY);
    const waiting = remembered !== undefined && sinceFailure >= 0 && sinceFailure < RETRY_MS;
    if (remembered === undefined && failure && sinceFailure >= 0 && sinceFailure < AVOID_MS) {
      throw asBefore(failure.error);
    }
    let text = remembered?.layoutConf ?? "";
    if (!fresh && !waiting) {
      const answer = asking.get(mirror) ?? refresh(mirror, remembered?.layoutConf);
      asking.set(mirror, answer);
      text = await answer;
    }
    return parseLayoutConf(text) ?? [FLAT];
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
