/**
 * The environment of the process; handed on from here, so that nothing else reads it.
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
