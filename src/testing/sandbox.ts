/**
 * Opens this machine's sandbox at its first use, for tests of evaluated ebuilds.
 */

import { chooseSandbox } from "../repos/sandbox/choose.ts";
import type { Sandbox } from "../repos/sandbox/sandbox.ts";

export interface TestSandboxOptions {
  /** Default 20 s. */
  readonly timeMs?: number;
  /** Default 64 MiB. */
  readonly outputBytes?: number;
}

export function createTestSandbox(limits: TestSandboxOptions = {}): Sandbox {
  let opening: Promise<Sandbox> | undefined;

  async function open(): Promise<Sandbox> {
    const { sandbox, tried } = await chooseSandbox({ wanted: "best", limits });
    if (!sandbox) throw new Error(tried.map(({ problem }) => problem).join(" "));
    return sandbox;
  }

  return {
    kind: "bubblewrap",
    async run(job) {
      opening ??= open();
      return await (await opening).run(job);
    },
    async stop() {
      await (await opening)?.stop();
    },
  };
}
