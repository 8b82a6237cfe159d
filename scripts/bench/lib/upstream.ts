/**
 * Starts fake mirrors, each in a process of its own, so that sending bytes slowly does not slow down what is measured.
 */
import type { Fault } from "../../../src/testing/faults.ts";
import type { Files } from "./files.ts";

export type UpstreamOrder =
  | { readonly kind: "start"; readonly files: Files }
  | { readonly kind: "fault"; readonly faults: readonly Fault[] }
  | { readonly kind: "count" };

export interface UpstreamAnswer {
  readonly url: string;
  readonly requests?: number;
  readonly connections?: number;
  readonly bytes?: number;
}

export interface Upstream extends AsyncDisposable {
  /** `http://127.0.0.1:PORT`, as a mirror is configured. */
  readonly url: string;
  /** Sets the faults of every file, from the next request on. */
  setFaults(...faults: Fault[]): Promise<void>;
  /** Returns the number of requests for files, of their connections, and of bytes sent. */
  count(): Promise<{ readonly requests: number; readonly connections: number; readonly bytes: number }>;
  stop(): Promise<void>;
}

export async function startUpstream(files: Files, ...faults: Fault[]): Promise<Upstream> {
  const waiting: ((answer: UpstreamAnswer) => void)[] = [];
  const child = Bun.spawn([process.execPath, `${import.meta.dir}/upstream.child.ts`], {
    stdin: "ignore",
    stdout: "inherit",
    stderr: "inherit",
    ipc: (message: UpstreamAnswer) => waiting.shift()?.(message),
  });
  function send(order: UpstreamOrder): Promise<UpstreamAnswer> {
    const { promise, resolve } = Promise.withResolvers<UpstreamAnswer>();
    waiting.push(resolve);
    child.send(order);
    return promise;
  }
  async function stop(): Promise<void> {
    child.kill("SIGTERM");
    await child.exited;
  }
  const { url } = await send({ kind: "start", files });
  if (faults.length > 0) await send({ kind: "fault", faults });
  return {
    url,
    async setFaults(...list) {
      await send({ kind: "fault", faults: list });
    },
    async count() {
      const { requests = 0, connections = 0, bytes = 0 } = await send({ kind: "count" });
      return { requests, connections, bytes };
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}
