/**
 * Tests a server as a client would use it: fetches its layout.conf, then a small file that a repository of this machine wants, or
 * one that the server has, and compares it with the Manifest.
 */
import { createHash } from "node:crypto";
import { readdir } from "node:fs/promises";
import * as v from "valibot";
import { StoredFileSchema } from "../api/file-schemas.ts";
import type { Environment } from "../config/environment.ts";
import {
  algorithmOf,
  compareDigests,
  cryptoName,
  type DistEntry,
  hasHash,
  type OtherHash,
} from "../distfile/digests.ts";
import { parseLayoutConf, standardFolder } from "../distfile/layout.ts";
import { type DistfileName, parseDistfileName } from "../distfile/name.ts";
import { reasonOf } from "../lib/error-reason.ts";
import { shown } from "../lib/text.ts";
import { type Repository, readSmallFile } from "../repos/discover.ts";
import { parseManifest } from "../repos/formats/manifest.ts";
import { proxyFor } from "../upstream/proxy.ts";

export interface TestStep {
  readonly what: string;
  readonly ok: boolean;
  readonly detail: string;
}

/** Portage's wget gives up after a minute of silence. */
const TIMEOUT_MS = 60_000;
const SMALL_BYTES = 256 * 1024;
/** Candidates to look for. */
const ENOUGH = 30;
/** Some files cannot be fetched any more, or only by hand: then the next is tried. */
const MAX_TRIED = 5;

interface TestCandidate {
  readonly name: DistfileName;
  readonly entry: DistEntry | undefined;
}

async function foldersIn(path: string): Promise<readonly string[]> {
  const entries = await readdir(path, { withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isDirectory() && !entry.name.startsWith(".")).map(({ name }) => name);
}

/** @param path of a Manifest below the repository's location */
function smallIn(location: string, path: string): readonly DistEntry[] {
  try {
    return parseManifest(readSmallFile(location, path) ?? "").entries.filter(
      (entry) => entry.size <= SMALL_BYTES && hasHash(entry),
    );
  } catch {
    // Not a package, or not readable: there are others.
    return [];
  }
}

/** Finds a few small files that the repositories want, the smallest first. */
async function candidatesIn(repositories: readonly Repository[]): Promise<readonly TestCandidate[]> {
  const entries: DistEntry[] = [];
  for (const { location } of repositories) {
    for (const category of (await foldersIn(location)).filter((name) => name.includes("-"))) {
      for (const name of await foldersIn(`${location}/${category}`)) {
        entries.push(...smallIn(location, `${category}/${name}/Manifest`));
      }
      if (entries.length >= ENOUGH) break;
    }
  }
  return entries.toSorted((a, b) => a.size - b.size).map((entry) => ({ name: entry.name, entry }));
}

type Get = (url: string) => Promise<Response>;

/** Asks through the proxy of the environment, if it has one, as wget does. */
function createGet(environment: Environment): Get {
  return async (url) => {
    const proxy = proxyFor(new URL(url), "", environment);
    const how = { decompress: false, redirect: "follow", ...(proxy === "" ? {} : { proxy }) } as const;
    return await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS), ...how });
  };
}

/** What is needed of the file list, whatever version the server is of. */
const NamesSchema = v.object({ files: v.array(v.pick(StoredFileSchema, ["name"])) });

/** Finds the smallest file that the server has. */
async function storedAt(url: string, get: Get): Promise<readonly TestCandidate[]> {
  const answer = await get(`${url}/api/v1/files?sort=size&per_page=1`).catch(() => undefined);
  if (!answer?.ok) return [];
  const parsed = v.safeParse(NamesSchema, await answer.json());
  if (!parsed.success) return [];
  return parsed.output.files.flatMap(({ name }) => {
    const distfile = parseDistfileName(name);
    return distfile === undefined ? [] : [{ name: distfile, entry: undefined }];
  });
}

/** The first line of an error's body, which says what went wrong. */
function firstLine(body: Uint8Array): string {
  const [line = ""] = new TextDecoder().decode(body).split("\n", 1);
  return shown(line);
}

async function fetchOne({ name, entry }: TestCandidate, url: string, flat: boolean, get: Get): Promise<TestStep> {
  const path = flat ? encodeURIComponent(name) : `${standardFolder(name)}/${encodeURIComponent(name)}`;
  const startedAt = performance.now();
  const what = `${url}/distfiles/${path}`;
  try {
    const answer = await get(what);
    const bytes = await answer.bytes();
    const took = `${Math.round(performance.now() - startedAt)} ms`;
    if (!answer.ok) return { what, ok: false, detail: `answered ${answer.status}: ${firstLine(bytes)}` };
    const status = answer.headers.get("cache-status") ?? "no Cache-Status: not a portcache";
    const hash = (algorithm: string) => createHash(algorithm).update(bytes).digest("hex");
    const others = entry?.other === undefined ? [] : [algorithmOf(entry.other)];
    const computed = {
      size: bytes.length,
      blake2b: hash("blake2b512"),
      sha512: hash("sha512"),
      others: others.map((algorithm): OtherHash => `${algorithm} ${hash(cryptoName(algorithm))}`),
    };
    if (entry && compareDigests(entry, computed) !== "same") {
      return { what, ok: false, detail: `${bytes.length} bytes, but they do not match the Manifest` };
    }
    const checked = entry ? "as the Manifest says" : "not checked: no repository here has it";
    return { what, ok: true, detail: `${bytes.length} bytes in ${took}, ${checked} (${status})` };
  } catch (error) {
    return { what, ok: false, detail: reasonOf(error) };
  }
}

async function fetchLayout(url: string, get: Get): Promise<TestStep & { readonly flat: boolean }> {
  const what = `${url}/distfiles/layout.conf`;
  const startedAt = performance.now();
  try {
    const answer = await get(what);
    const text = await answer.text();
    const layouts = answer.ok ? parseLayoutConf(text) : undefined;
    const took = `${Math.round(performance.now() - startedAt)} ms`;
    if (!layouts) return { what, ok: false, detail: `answered ${answer.status}, without a layout.conf`, flat: true };
    return { what, ok: true, detail: `in ${took}`, flat: layouts[0]?.kind !== "filename-hash" };
  } catch (error) {
    return { what, ok: false, detail: reasonOf(error), flat: true };
  }
}

/** Runs the test; whether it passed is in the last step. */
export async function testClient(
  url: string,
  repositories: readonly Repository[],
  environment: Environment,
): Promise<readonly TestStep[]> {
  const get = createGet(environment);
  const { flat, ...layout } = await fetchLayout(url, get);
  if (!layout.ok) return [layout];
  const wanted = await candidatesIn(repositories);
  const candidates = wanted.length > 0 ? wanted : await storedAt(url, get);
  const steps: TestStep[] = [layout];
  for (const candidate of candidates.slice(0, MAX_TRIED)) {
    steps.push(await fetchOne(candidate, url, flat, get));
    if (steps.at(-1)?.ok) return steps;
  }
  if (candidates.length > 0) return steps;
  const detail = "no file fetched: no ebuild repository here, and no file on the server";
  return [...steps, { what: `${url}/distfiles/`, ok: true, detail }];
}
