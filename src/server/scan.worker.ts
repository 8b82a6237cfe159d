/**
 * Scans repositories in a worker thread of lower priority, and writes the files that they want into trees.sqlite. Commits every
 * few seconds; checks between two steps whether the scan was stopped.
 */
import { existsSync } from "node:fs";
import { setPriority } from "node:os";
import { type ManifestWriter, openManifestWriter } from "../index/manifest-writer.ts";
import { isIndexDamage } from "../index/open.ts";
import { reasonWithPath } from "../lib/error-reason.ts";
import { type ScanReport, scanSteps } from "../repos/scan.ts";
import type { ThreadReply, ThreadRequest } from "./scan-thread.ts";

declare const self: Worker;

/** Linux' nice value of this thread alone (setpriority(2), "C library/kernel differences"): hits go first. */
const NICE = 10;
/** Results of a scan of a slow disk become visible, and survive a kill, after this time. */
const COMMIT_EVERY_MS = 2_000;
/** People watch how far it is. */
const SAY_EVERY_MS = 200;

function reply(message: ThreadReply): void {
  self.postMessage(message);
}

function commit(writer: ManifestWriter): void {
  const { changed } = writer;
  writer.commit();
  if (changed) reply({ kind: "changed" });
}

/** @returns undefined if it was stopped */
function scan({ request, repositoryIds, stop }: ThreadRequest, writer: ManifestWriter): ScanReport | undefined {
  writer.begin();
  while (writer.rows.prune(repositoryIds)) if (Atomics.load(stop, 0) !== 0) break;
  const steps = scanSteps({ ...request, rows: writer.rows });
  let saidAt = performance.now();
  // A step is a package, but for one of each category.
  for (let packages = 0, begunAt = performance.now(); ; packages++) {
    const { done, value } = steps.next();
    if (done) {
      commit(writer);
      return value;
    }
    if (performance.now() - saidAt >= SAY_EVERY_MS) {
      reply({ kind: "reading", packages });
      saidAt = performance.now();
    }
    const isStopped = Atomics.load(stop, 0) !== 0;
    if (!isStopped && performance.now() - begunAt < COMMIT_EVERY_MS) continue;
    commit(writer);
    if (isStopped) return undefined;
    writer.begin();
    begunAt = performance.now();
  }
}

function scanAndReply(message: ThreadRequest): void {
  let writer: ManifestWriter | undefined;
  try {
    writer = openManifestWriter(message.path);
    if (message.check) writer.check();
    const startedAt = performance.now();
    const report = scan(message, writer);
    // Excludes the start of the thread and the wait for other scans: the scan interval depends on it.
    const tookMs = Math.round(performance.now() - startedAt);
    reply({ kind: "scanned", report: report && { ...report, tookMs } });
  } catch (error) {
    const reason = reasonWithPath(error);
    // If the file was removed, the server reads one that nobody can write any more.
    reply({ kind: "failed", reason, damaged: isIndexDamage(error) || !existsSync(message.path) });
  }
  try {
    writer?.close();
  } catch {
    // The next writer checkpoints the log.
  }
  reply({ kind: "idle" });
}

try {
  setPriority(0, NICE);
} catch {
  // It runs at normal priority.
}

self.onmessage = (event: MessageEvent<ThreadRequest>) => scanAndReply(event.data);
