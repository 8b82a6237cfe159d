/**
 * What belongs to the executable, wherever it lies.
 */
import type { LoadedConfig } from "../config/load.ts";

export interface Resources {
  readonly migrationsFolder: string;
  /** Of the built dashboard; it need not be there. */
  readonly dashboardFolder: string;
  /** Scripts of the threads. */
  readonly hashWorkerUrl: string;
  readonly scanWorkerUrl: string;
  /** What upstreams are told where `fetcher.user_agent` is empty. */
  readonly userAgent: string;
  /** Of the process: git and rsync need some of it. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Reads the configuration again, as at the start. @throws {ConfigError} */
  readonly reload: () => LoadedConfig;
}
