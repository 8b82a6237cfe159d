/**
 * Fetches through a portcache as a client would: its layout.conf, then a small file that this machine's trees want, or where
 * it has no trees one that the server has. What comes is compared with the Manifest.
 */
import { createHash } from "node:crypto";
import { readdir } from "node:fs/promises";
import { compareDigests, type DistEntry, hasHash } from "../distfile/digests.ts";
import { parseLayoutConf, standardFolder } from "../distfile/layout.ts";
import { type DistfileName, parseDistfileName } from "../distfile/name.ts";
import { reasonOf } from "../lib/error-reason.ts";
import { type Repository, readSmallFile } from "../repos/discover.ts";
import { parseManifest } from "../repos/formats/manifest.ts";

export interface TestStep {
  readonly what: string;
  readonly ok: boolean;
  readonly detail: string;
}

/** Portage gives up after a minute of silence. */
const TIMEOUT_MS = 60_000;
const SMALL_BYTES = 256 * 1024;
const ENOUGH = 30;
/** One may not be had any more, another be for fetching by hand: then there is a next. */
const MOST_TRIED = 5;

interface Candidate {
  readonly name: DistfileName;
  readonly entry: DistEntry | undefined;
}

async function foldersIn(path: string): Promise<readonly string[]> {
  const entries = await readdir(path, { withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isDirectory() && !entry.name.startsWith(".")).map(({ name }) => name);
}

function smallIn(manifest: string): readonly DistEntry[] {
  try {
    return parseManifest(readSmallFile(manifest)).entries.filter(
      (entry) => entry.size <= SMALL_BYTES && hasHash(entry),
    );
  } catch {
    // No package, or one that can't be read: there are others.
    return [];
  }
}

/** A few small files that the trees want, the smallest first. */
async function candidatesIn(repositories: readonly Repository[]): Promise<readonly Candidate[]> {
  const entries: DistEntry[] = [];
  for (const { location } of repositories) {
    for (const category of (await foldersIn(location)).filter((name) => name.includes("-"))) {
      for (const name of await foldersIn(`${location}/${category}`)) {
        entries.push(...smallIn(`${location}/${category}/${name}/Manifest`));
      }
      if (entries.length >= ENOUGH) break;
    }
  }
  return entries.toSorted((a, b) => a.size - b.size).map((entry) => ({ name: entry.name, entry }));
}

async function get(url: string): Promise<Response> {
  return await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS), decompress: false, redirect: "follow" });
}

/** The smallest file that the server has. */
async function storedAt(url: string): Promise<readonly Candidate[]> {
  const answer = await get(`${url}/api/v1/files?sort=size&per_page=1`).catch(() => undefined);
  if (!answer?.ok) return [];
  const { files } = (await answer.json()) as { readonly files: readonly { readonly name: string }[] };
  return files.flatMap(({ name }) => {
    const parsed = parseDistfileName(name);
    return parsed === undefined ? [] : [{ name: parsed, entry: undefined }];
  });
}

async function fetchOne({ name, entry }: Candidate, url: string, flat: boolean): Promise<TestStep> {
  const path = flat ? encodeURIComponent(name) : `${standardFolder(name)}/${encodeURIComponent(name)}`;
  const startedAt = performance.now();
  const what = `${url}/distfiles/${path}`;
  try {
    const answer = await get(what);
    const bytes = await answer.bytes();
    const took = `${Math.round(performance.now() - startedAt)} ms`;
    if (!answer.ok) return { what, ok: false, detail: `answers ${answer.status}` };
    const status = answer.headers.get("cache-status") ?? "no Cache-Status: it is no portcache";
    const hash = (algorithm: string) => createHash(algorithm).update(bytes).digest("hex");
    const computed = { size: bytes.length, blake2b: hash("blake2b512"), sha512: hash("sha512") };
    if (entry && compareDigests(entry, computed) !== "same") {
      return { what, ok: false, detail: `${bytes.length} bytes, which are not those of the Manifest` };
    }
    const verdict = entry ? "as the Manifest has it" : "which no tree here can check";
    return { what, ok: true, detail: `${bytes.length} bytes, ${verdict}, in ${took} (${status})` };
  } catch (error) {
    return { what, ok: false, detail: reasonOf(error) };
  }
}

async function fetchLayout(url: string): Promise<TestStep & { readonly flat: boolean }> {
  const what = `${url}/distfiles/layout.conf`;
  const startedAt = performance.now();
  try {
    const answer = await get(what);
    const text = await answer.text();
    const layouts = answer.ok ? parseLayoutConf(text) : undefined;
    const took = `${Math.round(performance.now() - startedAt)} ms`;
    if (!layouts) return { what, ok: false, detail: `answers ${answer.status}, and no layout.conf`, flat: true };
    return { what, ok: true, detail: `in ${took}`, flat: layouts[0]?.kind !== "filename-hash" };
  } catch (error) {
    return { what, ok: false, detail: reasonOf(error), flat: true };
  }
}

/** The last step tells whether it works. */
export async function testClient(url: string, repositories: readonly Repository[]): Promise<readonly TestStep[]> {
  const { flat, ...layout } = await fetchLayout(url);
  if (!layout.ok) return [layout];
  const wanted = await candidatesIn(repositories);
  const candidates = wanted.length > 0 ? wanted : await storedAt(url);
  const steps: TestStep[] = [layout];
  for (const candidate of candidates.slice(0, MOST_TRIED)) {
    steps.push(await fetchOne(candidate, url, flat));
    if (steps.at(-1)?.ok) return steps;
  }
  if (candidates.length > 0) return steps;
  const detail = "there is no tree here and no file there, so none was fetched";
  return [...steps, { what: `${url}/distfiles/`, ok: true, detail }];
}
