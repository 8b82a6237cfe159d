/**
 * Declares what the executable carries with it, and what it takes from its process.
 */
import type { LoadedConfig } from "../config/load.ts";

export interface Resources {
  readonly migrationsFolder: string;
  /** Folder of the built dashboard; it may be missing. */
  readonly dashboardFolder: string;
  /** Scripts of the worker threads. */
  readonly hashWorkerUrl: string;
  readonly scanWorkerUrl: string;
  readonly importWorkerUrl: string;
  readonly historyWorkerUrl: string;
  /** The User-Agent sent upstream if `fetcher.user_agent` is empty. */
  readonly userAgent: string;
  /** Environment of the process: git and rsync need some of it. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Reads the configuration again, as at start. @throws {ConfigError} */
  readonly reload: () => LoadedConfig;
}
