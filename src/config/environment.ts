/**
 * Reads the environment of the process, the only place that does.
 */

export interface Environment {
  readonly [name: string]: string | undefined;
  readonly HOME?: string | undefined;
  readonly NO_COLOR?: string | undefined;
  readonly TERM?: string | undefined;
  readonly XDG_CACHE_HOME?: string | undefined;
}

export function processEnvironment(): Environment {
  return process.env;
}
