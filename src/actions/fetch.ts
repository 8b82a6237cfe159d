/**
 * Fetches files into the store ahead of need, a few at a time, so that clients keep their share of the download slots. Stopped,
 * it starts no more and lets the downloads under way finish.
 */
import type { FetchReport, FetchRequest, Progress } from "../api/action-schemas.ts";
import { type Action, ActionError, progressOf } from "../api/actions.ts";
import type { MirrorFileResult } from "../cache/mirror-files/lookup.ts";
import type { LookupResult, NotFound } from "../cache/result.ts";
import { type Attempt, UnavailableError } from "../distfile/errors.ts";
import type { FileName } from "../distfile/mirror-path.ts";
import type { Download } from "../fetch/download.ts";
import type { Flights } from "../fetch/flights.ts";
import { abortable } from "../lib/abort.ts";
import { reasonOf } from "../lib/error-reason.ts";
import { createSteps } from "../lib/steps.ts";
import { type ArgumentDeps, resolveArguments } from "./fetch-arguments.ts";

export interface FetchDeps extends ArgumentDeps {
  /** Answers as to a client that waits for as long as it takes; fetches nothing but this file. */
  readonly lookup: (name: FileName) => Promise<LookupResult | MirrorFileResult>;
  readonly flights: Pick<Flights, "all">;
  /** Returns the size of a file if a repository knows it. */
  readonly sizeOf: (name: FileName) => number | undefined;
  readonly maxDownloads: () => number;
  /** Resolves when the repositories have been read as they are now. */
  readonly repositoriesReady: () => Promise<unknown>;
}

type Result = FetchReport["results"][number];

const PROGRESS_EVERY_MS = 200;

function attemptsText(attempts: readonly Attempt[]): string {
  return attempts.map(({ source, detail }) => `${source}: ${detail}`).join("; ");
}

function notFound(name: FileName, { kind, attempts, note, wantedBy }: NotFound): Result {
  const reason = [note, attemptsText(attempts), wantedBy.length > 0 ? `wanted by ${wantedBy.join(", ")}` : ""];
  return {
    name,
    outcome: kind === "absent" ? "absent" : "failed",
    bytes: 0,
    reason: reason
      .filter((part) => part !== "")
      .map((part) => part.replace(/\.$/, ""))
      .join("; "),
  };
}

async function waitForEnd(name: FileName, download: Download): Promise<Result> {
  try {
    // No file is that long: this resolves at its end.
    await download.reached(Number.MAX_SAFE_INTEGER);
  } catch (error) {
    if (!(error instanceof UnavailableError)) throw error;
    return { name, outcome: "failed", bytes: 0, reason: attemptsText(error.attempts) };
  }
  await download.ended;
  const bytes = download.size ?? 0;
  if (download.stored) return { name, outcome: "fetched", bytes, reason: null };
  return { name, outcome: "failed", bytes: 0, reason: "was fetched, but the store could not keep it" };
}

async function resultOf(name: FileName, found: LookupResult | MirrorFileResult): Promise<Result> {
  switch (found.kind) {
    case "stored": {
      const { status } = found;
      const outcome = status.kind === "forwarded" && status.response === "full" ? "fetched" : "present";
      return { name, outcome, bytes: found.stored.file.size, reason: null };
    }
    case "incoming":
      // Nothing is read here: a download that can't be stored waits for who holds it.
      found.release();
      return await waitForEnd(name, found.download);
    case "head":
    case "late":
    case "not-stored":
    case "busy":
    case "left":
      return { name, outcome: "failed", bytes: 0, reason: "no source answered in time" };
    default:
      return notFound(name, found);
  }
}

async function fetchOne(name: FileName, { lookup }: FetchDeps): Promise<Result> {
  try {
    return await resultOf(name, await lookup(name));
  } catch (error) {
    return { name, outcome: "failed", bytes: 0, reason: reasonOf(error) };
  }
}

function summarise(results: readonly Result[], tookMs: number): FetchReport {
  const of = (outcome: Result["outcome"]) => results.filter((result) => result.outcome === outcome);
  const fetched = of("fetched");
  return {
    duration_ms: Math.round(tookMs),
    files: results.length,
    fetched: fetched.length,
    fetched_bytes: fetched.reduce((sum, { bytes }) => sum + bytes, 0),
    present: of("present").length,
    failed: of("failed").length + of("absent").length,
    results: [...results],
  };
}

/** Fetches all files, half of `max_downloads` at a time. */
async function fetchAll(
  names: readonly FileName[],
  parts: FetchDeps,
  onProgress: (progress: Progress) => void,
  signal: AbortSignal,
): Promise<readonly Result[]> {
  const results: Result[] = [];
  const active = new Set<FileName>();
  const endStep = createSteps(signal);
  /** Of those that a repository knows. */
  const sizes = new Map<FileName, number>();
  let totalBytes: number | null = 0;
  for (const name of names) {
    const size = parts.sizeOf(name);
    if (size !== undefined) sizes.set(name, size);
    totalBytes = totalBytes === null || size === undefined ? null : totalBytes + size;
    await endStep();
  }
  let started = 0;
  let failed = 0;
  let doneBytes = 0;

  function reportProgress(): void {
    const under = new Map(parts.flights.all().map((download) => [download.name, download]));
    const shown = [...active].map((name) => ({
      name,
      bytes: under.get(name)?.hereBytes ?? 0,
      size: sizes.get(name) ?? under.get(name)?.size ?? null,
    }));
    const bytes = doneBytes + shown.reduce((sum, one) => sum + one.bytes, 0);
    const step = failed === 0 ? "fetching" : `fetching, ${failed} failed`;
    onProgress(
      progressOf(step, { done: results.length, total: names.length, bytes, total_bytes: totalBytes, active: shown }),
    );
  }

  async function work(): Promise<void> {
    for (let name = names[started++]; name !== undefined && !signal.aborted; name = names[started++]) {
      active.add(name);
      const result = await fetchOne(name, parts);
      active.delete(name);
      results.push(result);
      if (result.reason !== null) failed++;
      doneBytes += sizes.get(name) ?? result.bytes;
      // What fails at once waits for nothing that would let others in.
      await endStep();
    }
  }

  const timer = setInterval(reportProgress, PROGRESS_EVERY_MS);
  try {
    const atOnce = Math.max(1, Math.floor(parts.maxDownloads() / 2));
    await abortable(Promise.all(Array.from({ length: atOnce }, work)), signal);
    reportProgress();
  } finally {
    clearInterval(timer);
  }
  return results;
}

export function createFetch(parts: FetchDeps): Action<FetchRequest, FetchReport> {
  return async (request, { onProgress, signal }) => {
    if (request.names.length + request.packages.length === 0)
      throw new ActionError(422, "files: expected names of files or packages, got none");
    if (request.version !== undefined && request.packages.length === 0) {
      throw new ActionError(422, "version: expected packages with it, got none");
    }
    const startedAt = performance.now();
    onProgress(progressOf("reading repositories"));
    await abortable(parts.repositoriesReady(), signal);
    const { names, unresolved } = await resolveArguments(request, parts, signal);
    const fetched = await fetchAll([...names], parts, onProgress, signal);
    const failed = [...unresolved].flatMap(([reason, given]) =>
      given.map((name): Result => ({ name, outcome: "failed", bytes: 0, reason })),
    );
    return summarise([...failed, ...fetched], performance.now() - startedAt);
  };
}
