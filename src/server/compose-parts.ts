/**
 * What a server is made of: whoever starts one opens these and closes them after it.
 */
import type { Config } from "../config/schema.ts";
import type { DashboardFiles } from "../http/dashboard.ts";
import type { Index } from "../index/open.ts";
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import type { ChosenSandbox } from "../repos/sandbox/choose.ts";
import type { Store } from "../store/store.ts";

export interface Parts {
  /** Its values may change; reconfigure() is called when they have. */
  readonly config: Config;
  readonly store: Store;
  readonly index: Index;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly sandbox: () => Promise<ChosenSandbox>;
  /** Undefined where it is not built. */
  readonly dashboard?: DashboardFiles | undefined;
  /** Scripts of the threads. */
  readonly hashWorkerUrl: string;
  readonly scanWorkerUrl: string;
  readonly userAgent: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** Called when a query finds the index damaged. */
  readonly onIndexDamage: () => void;
}
