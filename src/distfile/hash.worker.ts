/**
 * Hashes growing files beside the event loop: BLAKE2B (and others where a Manifest has only those) over a file
 * descriptor shared with the main thread, up to the byte of the last advance().
 * Slices of 1 MiB in turn, so that a large file does not keep small ones waiting. The index's log is written back and its pages are
 * checked here, too.
 */
import { Database } from "bun:sqlite";
import { createHash, type Hash } from "node:crypto";
import { readSync } from "node:fs";
import { reasonOf } from "../lib/error-reason.ts";
import { saysDamage } from "../lib/sqlite-damage.ts";
import { type ComputedDigests, cryptoName, type HashAlgorithm, type OtherHash } from "./digests.ts";
import type { HashReply, HashRequest } from "./hasher.ts";

declare const self: Worker;

const SLICE_BYTES = 1024 * 1024;

interface Job {
  readonly fd: number | undefined;
  readonly blake2b: Hash;
  readonly others: readonly (readonly [HashAlgorithm, Hash])[];
  position: number;
  limit: number;
  /** Bytes that are not in the file, which come after those that are. */
  readonly fed: Uint8Array[];
  finishing: boolean;
}

const jobs = new Map<number, Job>();
const buffer = new Uint8Array(SLICE_BYTES);
let running = false;

function reply(message: HashReply): void {
  self.postMessage(message);
}

function hash(job: Job, bytes: Uint8Array): void {
  job.blake2b.update(bytes);
  for (const [, other] of job.others) other.update(bytes);
  job.position += bytes.length;
}

function digestsOf(job: Job): ComputedDigests {
  const sha512 = job.others.find(([algorithm]) => algorithm === "SHA512")?.[1].digest("hex");
  const others = job.others.flatMap(([algorithm, other]): OtherHash[] =>
    algorithm === "SHA512" ? [] : [`${algorithm} ${other.digest("hex")}`],
  );
  return {
    size: job.position,
    blake2b: job.blake2b.digest("hex"),
    ...(sha512 === undefined ? {} : { sha512 }),
    ...(others.length === 0 ? {} : { others }),
  };
}

function step(id: number, job: Job): void {
  const wanted = Math.min(SLICE_BYTES, job.limit - job.position);
  if (wanted > 0 && job.fd !== undefined) {
    const got = readSync(job.fd, buffer, 0, wanted, job.position);
    if (got === 0) throw new Error(`file ends at ${job.position} of ${job.limit} bytes`);
    hash(job, buffer.subarray(0, got));
  } else if (job.fed[0]) {
    hash(job, job.fed[0]);
    job.fed.shift();
    job.limit = Math.max(job.limit, job.position);
    reply({ id, fed: true });
  }
  if (job.finishing && job.position >= job.limit && job.fed.length === 0) {
    jobs.delete(id);
    reply({ id, ...digestsOf(job) });
  }
}

function run(): void {
  let worked = false;
  for (const [id, job] of jobs) {
    if (job.position >= job.limit && job.fed.length === 0 && !job.finishing) continue;
    worked = true;
    try {
      step(id, job);
    } catch (error) {
      jobs.delete(id);
      reply({ id, error: reasonOf(error) });
    }
  }
  running = worked;
  if (worked) setImmediate(run);
}

/** Writes the log back; after a failure the next writer does it, once the log has grown. */
function checkpoint(path: string): void {
  try {
    const database = new Database(path, { readwrite: true });
    try {
      database.exec("PRAGMA wal_checkpoint(PASSIVE)");
    } finally {
      database.close();
    }
  } catch {
    // The disk is full or broken, which the writer finds out for itself.
  }
}

/** What cannot be opened or read now is found out by who uses it. */
function isWhole(path: string): boolean {
  try {
    using database = new Database(path, { readonly: true });
    return database.query<{ quick_check: string }, []>("PRAGMA quick_check(1)").get()?.quick_check === "ok";
  } catch (error) {
    return !saysDamage(error);
  }
}

function receive(message: HashRequest): void {
  if (message.kind === "check") {
    reply({ id: message.id, whole: isWhole(message.path) });
    return;
  }
  if (message.kind === "checkpoint") {
    checkpoint(message.path);
    return;
  }
  const job = jobs.get(message.id);
  if (message.kind === "open") {
    jobs.set(message.id, {
      fd: message.fd,
      blake2b: createHash("blake2b512"),
      others: message.algorithms.map((algorithm) => [algorithm, createHash(cryptoName(algorithm))] as const),
      position: 0,
      limit: 0,
      fed: [],
      finishing: false,
    });
  } else if (message.kind === "cancel") {
    jobs.delete(message.id);
    reply({ id: message.id, cancelled: true });
  } else if (message.kind === "feed") {
    job?.fed.push(message.bytes);
  } else if (job) {
    job.limit = Math.max(job.limit, message.limit);
    job.finishing = message.kind === "finish";
  }
}

self.onmessage = (event: MessageEvent<HashRequest>) => {
  receive(event.data);
  if (running) return;
  running = true;
  setImmediate(run);
};
