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

/**
 * Returns the environment, and takes the variables of proxies out of that of the process: the platform's fetch() would heed them
 * also in requests that a proxy has nothing to do with, such as those to this very server.
 */
export function processEnvironment(): Environment {
  const environment = { ...process.env };
  for (const name of PROXY_VARIABLES) Reflect.deleteProperty(process.env, name);
  return environment;
}

const PROXY_VARIABLES = ["http_proxy", "https_proxy", "all_proxy", "no_proxy"].flatMap((name) => [
  name,
  name.toUpperCase(),
]);
