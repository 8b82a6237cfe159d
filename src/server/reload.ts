/**
 * Reloads the configuration on SIGHUP without dropping a connection. An invalid one changes nothing; the log names each
 * changed setting, and those that take a restart.
 */
import { ConfigError } from "../config/config-error.ts";
import type { LiveConfig, SettingChange } from "../config/live.ts";
import type { LoadedConfig } from "../config/load.ts";
import { noun } from "../lib/format.ts";
import { type Logger, openLog } from "../lib/log.ts";
import { maskCredentials } from "../lib/url.ts";

export interface ReloadDeps {
  readonly live: LiveConfig;
  /** Reads file, environment and flags as at start. @throws {ConfigError} */
  readonly load: () => LoadedConfig;
  /** Applies the settings that their users do not read at each use. */
  readonly reconfigure: () => Promise<void>;
  readonly log: Logger;
}

function logChanges(changes: readonly SettingChange[], log: Logger): void {
  for (const { path, before, after, restart } of changes) {
    const change = { path, before: maskCredentials(before), after: maskCredentials(after) };
    if (restart) log.warn("{path}: {before} -> {after} needs a restart", change);
    else log.info("{path}: {before} -> {after}", change);
  }
}

/** Never rejects. */
export async function reload({ live, load, reconfigure, log }: ReloadDeps): Promise<void> {
  try {
    const { config, file, doubts } = load();
    const changes = live.replace(config);
    const { level, format } = live.config.log;
    // A more verbose level applies before the changes are logged, a quieter one after.
    const quieter = changes.some(({ path }) => path === "log.level") && level !== "debug" && level !== "info";
    if (!quieter) await openLog(level, format);
    logChanges(changes, log);
    for (const doubt of doubts) log.warn("{doubt}", { doubt });
    await reconfigure();
    const source = file ?? "built-in defaults";
    const changed = changes.filter(({ restart }) => !restart).length;
    const text = `SIGHUP: reloaded the configuration from {source}: {changed} ${noun(changed, "setting")} changed`;
    log.info(text, { source, changed });
    if (quieter) await openLog(level, format);
  } catch (error) {
    if (!(error instanceof ConfigError)) log.error("SIGHUP: not all changes are in force: {error}", { error });
    else
      for (const problem of error.problems)
        log.error("SIGHUP: keeping the configuration as it was: {problem}", { problem: problem.split("\n", 1)[0] });
  }
}

/** Runs `act` once at a time; any number of calls meanwhile lead to one more run. */
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
