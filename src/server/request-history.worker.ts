/**
 * Reads and writes the request history in a thread, so that neither holds up the event loop. Old entries go in steps between requests.
 */
import { openRequestHistory, type RequestHistoryFile, removeRequestHistory } from "../index/request-history.ts";
import { reasonOf } from "../lib/error-reason.ts";
import { saysDamage } from "../lib/sqlite-damage.ts";
import type { HistoryReply, HistoryRequest, HistoryTask } from "./request-history-thread.ts";

declare const self: Worker;

let file: RequestHistoryFile | undefined;
let forgetting = false;

function run(task: HistoryTask, open: RequestHistoryFile): unknown {
  switch (task.kind) {
    case "add":
      open.add(task.entries);
      return undefined;
    case "page":
      return open.page(task.query);
    case "files":
      return open.filesOf(task.client, task.most);
    case "forget":
      if (!forgetting) void forget(task.oldest, task.newest);
      return undefined;
    default:
      open.close();
      file = undefined;
      return undefined;
  }
}

/** Removes what is old, and lets requests pass after each step. */
async function forget(oldest: number, newest: number): Promise<void> {
  forgetting = true;
  try {
    while (file?.forgetSome(oldest, newest)) await Bun.sleep(1);
  } catch {
    // The disk takes nothing now; the next one tries again.
  }
  forgetting = false;
}

self.onmessage = ({ data: { number, path, task } }: MessageEvent<HistoryRequest>) => {
  try {
    if (task.kind !== "close" || file !== undefined) {
      file ??= openRequestHistory(path);
      self.postMessage({ number, result: run(task, file) } satisfies HistoryReply);
    } else self.postMessage({ number, result: undefined } satisfies HistoryReply);
  } catch (error) {
    if (saysDamage(error)) {
      file?.close();
      file = undefined;
      removeRequestHistory(path);
    }
    self.postMessage({ number, problem: reasonOf(error) } satisfies HistoryReply);
  }
};
