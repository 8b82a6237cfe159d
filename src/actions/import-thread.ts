/**
 * Has a thread look at files of a DISTDIR and copy them into part files, many at a time: a system call that blocks a thread of its own
 * costs a fifth of one that goes through the thread pool (measured), and a slow disk keeps nobody else waiting.
 */
import type { ComputedDigests, Digests } from "../distfile/digests.ts";

/** Why a file was not imported. */
export type SkipReason =
  | "unknown"
  | "size"
  | "digest"
  | "no-hash"
  | "name"
  | "portage"
  | "link"
  | "special"
  | "folder"
  | "unreadable"
  | "busy"
  | "full";

/** Why a file is not taken in. */
export interface SkippedFile {
  readonly kind: "skipped";
  readonly reason: SkipReason;
  readonly detail?: string;
}

/** What is at a path. */
export type Look = { readonly kind: "file"; readonly size: number } | { readonly kind: "absent" } | SkippedFile;

export interface CopyTask {
  /** Of the file in the DISTDIR. */
  readonly path: string;
  /** Of the part file, which is empty. */
  readonly fd: number;
  /** As it was looked at. */
  readonly size: number;
  /** Digests to accept. */
  readonly contents: readonly Digests[];
  /** Time of now, which no file's mtime is beyond: it is sent as Last-Modified. */
  readonly now: number;
}

/** The part file has the bytes, mode and mtime of a stored file, and all of it is on the disk. */
export interface Settled {
  readonly kind: "settled";
  readonly digests: ComputedDigests;
}

export type ImportThreadRequest =
  | { readonly kind: "look"; readonly paths: readonly string[] }
  | { readonly kind: "copy"; readonly tasks: readonly CopyTask[]; readonly folders: readonly string[] };

/** One outcome for each path or task; "failed" where the disk of the store does not take it. */
export type ImportThreadReply =
  | { readonly kind: "looked"; readonly looks: readonly Look[] }
  | { readonly kind: "copied"; readonly copies: readonly (Settled | SkippedFile)[] }
  | { readonly kind: "failed"; readonly reason: string };

export interface ImportThread {
  look(paths: readonly string[]): Promise<readonly Look[]>;
  /**
   * @param folders to be synced with these files
   * @throws {Error} where the disk of the store is broken
   */
  copy(tasks: readonly CopyTask[], folders: readonly string[]): Promise<readonly (Settled | SkippedFile)[]>;
  end(): void;
}

/** @param workerUrl of import.worker.ts, wherever the executable keeps it */
export function createImportThread(workerUrl: string): ImportThread {
  const worker = new Worker(workerUrl);
  /** Answered in the order in which they were asked. */
  const waiting: ((reply: ImportThreadReply) => void)[] = [];

  worker.onmessage = ({ data }: MessageEvent<ImportThreadReply>) => waiting.shift()?.(data);
  worker.onerror = ({ message }) => {
    for (const settle of waiting.splice(0))
      settle({ kind: "failed", reason: `the importing thread ended: ${message}` });
  };

  async function ask(request: ImportThreadRequest): Promise<ImportThreadReply> {
    const { promise, resolve } = Promise.withResolvers<ImportThreadReply>();
    waiting.push(resolve);
    worker.postMessage(request);
    const reply = await promise;
    if (reply.kind === "failed") throw new Error(reply.reason);
    return reply;
  }

  return {
    async look(paths) {
      const reply = await ask({ kind: "look", paths });
      return reply.kind === "looked" ? reply.looks : [];
    },
    async copy(tasks, folders) {
      const reply = await ask({ kind: "copy", tasks, folders });
      return reply.kind === "copied" ? reply.copies : [];
    },
    end: () => worker.terminate(),
  };
}
