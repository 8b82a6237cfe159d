/**
 * Sets up what a download needs in a test: fake upstreams as sources, a part file in a temporary folder, and an upstream client.
 */
import { constants, fstatSync, ftruncateSync, openSync, readFileSync, writeSync } from "node:fs";
import type { Source } from "../distfile/source.ts";
import { createDiskPace } from "../fetch/disk-pace.ts";
import type { DownloadDeps } from "../fetch/download.ts";
import { createFailureLines } from "../fetch/failure-lines.ts";
import { createHeldMemory } from "../fetch/held-bytes.ts";
import { createLineCapacity } from "../fetch/parallelism.ts";
import type { Part } from "../fetch/part-writer.ts";
import { createLargeBuffers } from "../fetch/passthrough-buffer.ts";
import { createRateLimit, type RateShare } from "../fetch/rate-limit.ts";
import { createPieceSize } from "../fetch/shared-reads.ts";
import { systemClock } from "../lib/clock.ts";
import { openLog } from "../lib/log.ts";
import type { Slot, Ticket } from "../lib/priority-semaphore.ts";
import { createSemaphore } from "../lib/semaphore.ts";
import { createBodyTurns } from "../upstream/body-turns.ts";
import { createHostGate } from "../upstream/host-gate.ts";
import { createPinAddress } from "../upstream/pinned-address.ts";
import { createRawHosts } from "../upstream/raw-request.ts";
import { createUpstreamClient, type UpstreamClient } from "../upstream/request.ts";
import { type Content, readContent } from "./content.ts";
import { type FakeUpstream, startFakeUpstream } from "./fake-upstream.ts";
import type { Fault } from "./faults.ts";

/** The one file that these upstreams have. */
export const FILE = "a.tar.xz";

/** How the requests to all sources of a test ended. */
export interface RecordedRequests {
  /** In the order of their ends, with the source's label: `0 late`. */
  readonly ends: string[];
  /** Requests started and not ended. */
  open: number;
}

export function recordedSource(
  log: RecordedRequests,
  label: string,
  origin: string,
  more: Partial<Source> = {},
): Source {
  return {
    label,
    trustedOrigin: origin,
    locate: async () => ({ urls: [`${origin}/distfiles/${FILE}`] }),
    hedgeDelayMs: () => 300,
    expectedMs: () => undefined,
    status: () => ({ host: origin, available: true, bytesPerSecond: undefined, acceptsRanges: true }),
    noteRange: () => undefined,
    startRequest() {
      let ended = false;
      log.open++;
      return {
        firstByte: () => undefined,
        received: () => undefined,
        end(outcome) {
          if (ended) return;
          ended = true;
          log.open--;
          log.ends.push(`${label} ${outcome}`);
        },
      };
    },
    ...more,
  };
}

/** One upstream for each list of faults, all with the same file. */
export async function startUpstreams(content: Content, faults: readonly (readonly Fault[])[]): Promise<FakeUpstream[]> {
  return await Promise.all(
    faults.map(async (list) => {
      const upstream = await startFakeUpstream({ files: new Map([[FILE, content]]), layoutConf: null });
      upstream.setFault(FILE, ...list);
      return upstream;
    }),
  );
}

export function testUpstreamClient(timeoutMs = 60_000): UpstreamClient {
  return createUpstreamClient(
    {
      connectTimeoutMs: timeoutMs,
      stallTimeoutMs: timeoutMs,
      userAgent: "test",
      proxyFor: () => "",
      privateNetworks: true,
      enterBody: createBodyTurns(),
      slots: createSemaphore(100),
      pinAddress: createPinAddress({ clock: systemClock }),
      hostGate: createHostGate(systemClock.now),
      rawHosts: createRawHosts(),
    },
    {},
  );
}

export async function testDownloadDeps(hasher: DownloadDeps["hasher"]): Promise<DownloadDeps> {
  const log = await openLog("error", "text");
  return {
    hasher,
    pieceSize: createPieceSize(),
    diskPace: createDiskPace(),
    heldMemory: createHeldMemory(),
    largeBuffers: createLargeBuffers(),
    limits: { connections: 4, lineCapacity: createLineCapacity(systemClock, () => undefined) },
    rateLimit: createRateLimit(() => undefined, systemClock),
    failureLines: createFailureLines(systemClock, log),
    clock: systemClock,
    log,
  };
}

/** The share of a download that nothing limits. */
export function freeRate(): RateShare {
  return createRateLimit(() => undefined, systemClock).enter(() => true);
}

/** Grants a slot at once. */
export function freeSlot(): Ticket {
  const slot: Slot = { release: () => undefined, yield: () => undefined, reportSlow: () => undefined };
  return { granted: Promise.resolve(slot), raisePriority: () => undefined, leave: () => undefined };
}

/** Opens a part file at that path, with the bytes that are there. */
export function testPart(path: string, more: Partial<Part> = {}): Part {
  const fd = openSync(path, constants.O_RDWR | constants.O_CREAT);
  return {
    fd,
    length: fstatSync(fd).size,
    validator: undefined,
    named: true,
    reserve: async () => true,
    write: async (bytes, position) => void writeSync(fd, bytes, 0, bytes.length, position),
    mark: async () => undefined,
    truncate: async (length) => ftruncateSync(fd, length),
    settle: async () => undefined,
    rememberValidator: () => undefined,
    ...more,
  };
}

/** Returns whether the file at that path is the content. */
export function hasContent(path: string, content: Content): boolean {
  return Buffer.compare(readFileSync(path), readContent(content)) === 0;
}
