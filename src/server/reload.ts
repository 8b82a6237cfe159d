/**
 * SIGHUP: reads the configuration again and puts it in force without dropping a connection. One that can't be used changes
 * nothing; the log says what is different, and what of it takes a restart.
 */
import { ConfigError } from "../config/config-error.ts";
import type { LiveConfig } from "../config/live.ts";
import type { LoadedConfig } from "../config/load.ts";
import { type Logger, openLog } from "../lib/log.ts";
import { maskCredentials } from "../lib/url.ts";

export interface ReloadDeps {
  readonly live: LiveConfig;
  /** Reads file, environment and flags as at the start. @throws {ConfigError} */
  readonly load: () => LoadedConfig;
  /** Sets up again what does not look at the configuration by itself. */
  readonly reconfigure: () => Promise<void>;
  readonly log: Logger;
}

/** Never rejects. */
export async function reload({ live, load, reconfigure, log }: ReloadDeps): Promise<void> {
  try {
    const { config, file } = load();
    const changes = live.replace(config);
    const { level, format } = live.config.log;
    // Before it is told, so that "debug" shows all of it; what makes the log quieter is told all the same.
    const quieter = changes.some(({ path }) => path === "log.level") && level !== "debug" && level !== "info";
    if (!quieter) await openLog(level, format);
    for (const { path, before, after, restart } of changes) {
      const change = { path, before: maskCredentials(before), after: maskCredentials(after) };
      if (restart) log.warn("{path}: {before} -> {after} takes a restart", change);
      else log.info("{path}: {before} -> {after}", change);
    }
    await reconfigure();
    const source = file ?? "built-in defaults";
    const changed = changes.filter(({ restart }) => !restart).length;
    log.info("SIGHUP: configuration read again from {source}, {changed} settings changed", { source, changed });
    if (quieter) await openLog(level, format);
  } catch (error) {
    const kept = error instanceof ConfigError ? "the configuration is kept as it was" : "not all of it is in force";
    log.error("SIGHUP: {kept}: {error}", { kept, error });
  }
}

/** One at a time; any number of signals meanwhile make one more. */
export function coalesce(act: () => Promise<void>): () => void {
  let [running, again] = [false, false];
  return () => {
    again = true;
    if (running) return;
    running = true;
    void (async () => {
      while (again) {
        again = false;
        await act();
      }
      running = false;
    })();
  };
}
