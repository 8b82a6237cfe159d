/**
 * Runs a fake mirror in a process of its own, so that it shares no event loop with what is measured. lib/upstream.ts starts and
 * controls it.
 */
import { type FakeUpstream, startFakeUpstream } from "../../../src/testing/fake-upstream.ts";
import type { UpstreamAnswer, UpstreamOrder } from "./upstream.ts";

let upstream: FakeUpstream | undefined;

function answer(message: UpstreamAnswer): void {
  process.send?.(message);
}

async function obey(order: UpstreamOrder): Promise<void> {
  if (order.kind === "start") {
    upstream = await startFakeUpstream({ files: new Map(Object.entries(order.files)) });
    answer({ url: upstream.url });
  } else if (order.kind === "fault") {
    upstream?.setFault("*", ...order.faults);
    answer({ url: upstream?.url ?? "" });
  } else {
    const requests = (upstream?.requests ?? []).filter(({ file }) => file !== "layout.conf");
    const connections = new Set(requests.map(({ connection }) => connection)).size;
    answer({ url: upstream?.url ?? "", requests: requests.length, connections, bytes: upstream?.bytesSent ?? 0 });
  }
}

process.on("message", (order: UpstreamOrder) => void obey(order));
