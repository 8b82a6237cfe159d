/**
 * Prints for `portcache resolve` which packages want a file and where it can be fetched. Reads the repositories on disk, whether
 * or not a server runs, and asks mirrors only for their layout.conf.
 */
import { progressOf } from "../api/actions.ts";
import { FileDetailsSchema } from "../api/file-schemas.ts";
import type { LoadedConfig } from "../config/load.ts";
import type { Config } from "../config/schema.ts";
import { type ComputedDigests, compareDigests, type Digests, type DistEntry, hasHash } from "../distfile/digests.ts";
import type { Attempt } from "../distfile/errors.ts";
import { MAX_LAYOUT_CONF_BYTES } from "../distfile/layout.ts";
import { type DistfileName, parseDistfileName } from "../distfile/name.ts";
import { contentsOf, type WantedBy } from "../distfile/wanted-by.ts";
import { createFileRows, digestsOfRow } from "../index/files.ts";
import { readIndex } from "../index/open.ts";
import { createRepositoryRows } from "../index/repositories.ts";
import { systemClock } from "../lib/clock.ts";
import { formatBytes, plural } from "../lib/format.ts";
import { type Logger, openLog } from "../lib/log.ts";
import { shown } from "../lib/text.ts";
import { maskCredentials } from "../lib/url.ts";
import { createHosts, type Hosts } from "../mirrors/hosts.ts";
import { createLayouts } from "../mirrors/layouts.ts";
import { createMirrors, type Mirrors } from "../mirrors/mirrors.ts";
import { chooseSandbox } from "../repos/sandbox/choose.ts";
import type { Resolution, Resolver } from "../resolver/resolver.ts";
import { scanWantedBy } from "../resolver/scan-wanted-by.ts";
import { discoverConfigured } from "../server/compose-repos.ts";
import { composeResolver } from "../server/compose-resolver.ts";
import { upstreamSettings } from "../server/compose-upstream.ts";
import type { Resources } from "../server/resources.ts";
import { getText } from "../upstream/get-text.ts";
import { createLoopGuard } from "../upstream/loop-guard.ts";
import { createUpstreamClient } from "../upstream/request.ts";
import { wrongValue } from "./args.ts";
import { alignColumns, type Output, showsUnicode } from "./output.ts";
import { createProgressView, NO_VIEW } from "./progress.ts";
import { readFromServer } from "./server-client.ts";

/** One of the contents that packages want under a name. */
interface ResolvedContent {
  readonly entry: DistEntry;
  /** Packages with the file in their Manifest; `ebuilds` are the versions with it in SRC_URI, such as `foo-1.2-r1`. */
  readonly packages: readonly {
    readonly repo: string;
    readonly package: string;
    readonly ebuilds: readonly string[];
  }[];
  /** In the order in which they are tried. */
  readonly uris: readonly string[];
  readonly mirrors: readonly string[];
  /** Whether mirrors are tried after the URIs. */
  readonly mirrorsLast: boolean;
  readonly restrict: { readonly fetch: boolean; readonly mirror: boolean };
  readonly refusals: readonly Attempt[];
}

/** The first repository's content, for which the name stands. */
interface ResolvedFile extends ResolvedContent {
  readonly file: string;
  readonly found: true;
  /** What is in the store under this name; undefined where that is not known. */
  readonly stored: "this" | "another" | "nothing" | undefined;
  readonly others: readonly ResolvedContent[];
}

type Resolved = ResolvedFile | { readonly file: string; readonly found: false; readonly mirrors: readonly string[] };

function contentToJson({ entry, packages, uris, restrict }: ResolvedContent) {
  const { size, blake2b = null, sha512 = null, other: other_hash = null } = entry;
  return { size, blake2b, sha512, other_hash, packages, uris, restrict };
}

function toJson(resolved: Resolved): unknown {
  const { file, found, mirrors } = resolved;
  if (!resolved.found) {
    const restrict = { fetch: false, mirror: false };
    return { file, found, size: null, blake2b: null, sha512: null, packages: [], uris: [], mirrors, restrict };
  }
  const { stored } = resolved;
  return {
    file,
    found,
    ...contentToJson(resolved),
    mirrors,
    stored: stored === undefined ? null : stored === "this",
    others: resolved.others.map(contentToJson),
  };
}

/** Rows of a label and its values, one below the other. */
function listed(label: string, values: readonly string[]): readonly (readonly string[])[] {
  return values.map((value, i) => [i === 0 ? label : "", value]);
}

function toText(resolved: Resolved, paint: Output["paint"]): string {
  if (!resolved.found) return `${paint("bold", resolved.file)}\n  ${paint("red", "No repository wants it.")}`;
  const stored = { this: "yes", another: "no, another file is stored under this name", nothing: "no" };
  const rows = [...contentRows(resolved, paint), ...listed("Stored", resolved.stored ? [stored[resolved.stored]] : [])];
  const others = resolved.others.map((other) =>
    [
      "  Another content under this name, which is served by its content hash alone:",
      ...alignColumns(contentRows(other, paint)).map((line) => `    ${line}`),
    ].join("\n"),
  );
  const lines = alignColumns(rows).map((line) => `  ${line}`);
  return [paint("bold", resolved.file), ...lines, ...others].join("\n");
}

function sizeText(bytes: number): string {
  const exact = plural(bytes, "byte");
  return bytes < 1024 ? exact : `${formatBytes(bytes)} (${exact})`;
}

function contentRows(
  { entry, packages, uris, mirrors, mirrorsLast, restrict, refusals }: ResolvedContent,
  paint: Output["paint"],
): readonly (readonly string[])[] {
  const wantedBy = packages.map(({ repo, package: name, ebuilds }) => {
    return `${repo}: ${name} (${ebuilds.length > 0 ? ebuilds.join(", ") : "in its Manifest, but in no ebuild"})`;
  });
  const restrictions = restrict.fetch ? ["fetch"] : restrict.mirror ? ["mirror"] : [];
  const [algorithm = "", hex = ""] = entry.other?.split(" ") ?? [];
  return [
    ["Size", sizeText(entry.size)],
    ...(entry.blake2b === undefined ? [] : [["BLAKE2B", entry.blake2b]]),
    ...(entry.sha512 === undefined ? [] : [["SHA512", entry.sha512]]),
    ...(entry.other === undefined ? [] : [[algorithm, hex]]),
    ...(hasHash(entry) ? [] : [["Hash", "none that can be computed here: the file stays unverified"]]),
    ...listed("Wanted by", wantedBy),
    ...listed("RESTRICT", restrictions),
    ...(mirrorsLast ? [] : listed("Mirrors", mirrors)),
    ...listed("SRC_URI", uris.map(shown)),
    ...(mirrorsLast ? listed("Mirrors", mirrors) : []),
    ...listed(
      "Notes",
      refusals.map(({ source, detail }) => paint("yellow", `${source} ${detail}`)),
    ),
  ];
}

function render(all: readonly Resolved[], json: boolean, paint: Output["paint"]): string {
  if (json) return JSON.stringify(all.map(toJson), null, 2);
  return all.map((resolved) => toText(resolved, paint)).join("\n\n");
}

/** After this time a mirror whose layout.conf has not come is shown with the usual layout. */
const LAYOUT_TIMEOUT_MS = 3_000;

/** Statistics that start empty and are thrown away: one command's requests are no measure. */
function createUnmeasuredHosts(): Hosts {
  const rows = { all: () => [], putAll: () => undefined, forget: () => undefined };
  return createHosts({ rows, clock: systemClock, onCircuitChange: () => undefined });
}

/** What the requests of this command are sent with. */
type Client = Pick<Resources, "userAgent" | "environment">;

function createCommandMirrors({ config }: LoadedConfig, resources: Client, hosts: Hosts, log: Logger): Mirrors {
  const settings = {
    ...upstreamSettings({ ...resources, config, clock: systemClock }),
    connectTimeoutMs: LAYOUT_TIMEOUT_MS,
    stallTimeoutMs: LAYOUT_TIMEOUT_MS,
  };
  const fetched = new Map<string, { readonly layoutConf: string; readonly fetchedAt: number }>();
  const upstream = createUpstreamClient(settings, createLoopGuard("resolve").headersFor(undefined));
  return createMirrors({
    urls: config.fetcher.mirrors,
    strategy: config.fetcher.strategy,
    layouts: createLayouts({
      rows: { get: (url) => fetched.get(url), put: (url, layout) => fetched.set(url, layout) },
      clock: systemClock,
      log,
      onChange: () => undefined,
      getText: (url, origin) => getText(upstream, url, origin, MAX_LAYOUT_CONF_BYTES),
    }),
    answers: { all: () => [], put: () => undefined },
    hosts,
    clock: systemClock,
  });
}

async function urlsAtMirrors(name: DistfileName, entry: WantedBy["entry"] | undefined, mirrors: Mirrors) {
  const sources = mirrors.sources(name, entry, []);
  return await Promise.all(sources.map(async ({ locate }) => maskCredentials((await locate()).urls[0])));
}

async function urisOf({ uris }: Resolution, mirrors: Mirrors): Promise<readonly string[]> {
  const urls = uris.map((one) =>
    one.kind === "url" ? [maskCredentials(one.url)] : urlsAtMirrors(one.name, undefined, mirrors),
  );
  return (await Promise.all(urls)).flat();
}

const SERVER_TIMEOUT_MS = 5_000;

/**
 * Finds out what is stored under a name: from the server on the store, else from the index that the last one left. Undefined where
 * neither may be asked.
 */
async function storedDigests(location: string, name: DistfileName): Promise<ComputedDigests | "none" | undefined> {
  try {
    const path = `/api/v1/files/${encodeURIComponent(name)}`;
    const details = await readFromServer(location, path, FileDetailsSchema, AbortSignal.timeout(SERVER_TIMEOUT_MS));
    const { size = 0, blake2b = null, sha512 = null } = details?.stored ?? {};
    if (details)
      return digestsOfRow({ size, blake2b, sha512, otherHashes: null }) ?? (details.stored ? undefined : "none");
    const found = readIndex(`${location}/index.sqlite`, (db) => ({ row: createFileRows(db).get(name) }));
    if (!found) return undefined;
    return found.row ? digestsOfRow(found.row) : "none";
  } catch {
    return undefined;
  }
}

async function storedState({ storage }: Config, name: DistfileName, entry: DistEntry): Promise<ResolvedFile["stored"]> {
  const digests = await storedDigests(storage.location, name);
  if (digests === undefined) return undefined;
  if (digests === "none") return "nothing";
  return compareDigests(entry, digests) === "different" ? "another" : "this";
}

async function resolveContent(
  name: DistfileName,
  content: Digests,
  { resolver, mirrors }: { resolver: Resolver; mirrors: Mirrors },
): Promise<ResolvedContent> {
  const resolution = await resolver.resolve(name, content, "all");
  const { permission } = resolution;
  return {
    entry: { ...content, name },
    packages: resolution.packages.map(({ repository, name: packageName, fetchables }) => ({
      repo: repository.name,
      package: packageName,
      ebuilds: fetchables.map(({ pf }) => pf),
    })),
    uris: await urisOf(resolution, mirrors),
    mirrors: permission.mirrors === "never" ? [] : await urlsAtMirrors(name, { ...content, name }, mirrors),
    mirrorsLast: permission.mirrors === "last",
    restrict: { fetch: permission.fetchRestricted, mirror: permission.mirrorRestricted },
    refusals: resolution.refusals,
  };
}

async function resolveOne(
  name: DistfileName,
  wantedBy: readonly WantedBy[],
  config: Config,
  deps: { readonly resolver: Resolver; readonly mirrors: Mirrors },
): Promise<Resolved> {
  const { mirrors } = deps;
  const { unknown } = config.fetcher;
  const [first, ...more] = contentsOf(wantedBy);
  if (!first)
    return {
      file: name,
      found: false,
      mirrors: unknown === "deny" ? [] : await urlsAtMirrors(name, undefined, mirrors),
    };
  const others: ResolvedContent[] = [];
  for (const other of more) others.push({ ...(await resolveContent(name, other, deps)), mirrors: [] });
  const content = await resolveContent(name, first, deps);
  return { file: name, found: true, ...content, stored: await storedState(config, name, content.entry), others };
}

/** Returns how many packages the last server has found, to say how far the reading is; null where that is not known. */
function knownPackages(location: string): number | null {
  try {
    return readIndex(`${location}/index.sqlite`, (db) => createRepositoryRows(db).counts().packages) ?? null;
  } catch {
    // Another user's store: progress is shown without a share.
    return null;
  }
}

/**
 * @returns the exit code: 1 if no repository wants one of the files
 * @throws {UsageError}
 */
export async function resolve(
  loaded: LoadedConfig,
  files: readonly string[],
  resources: Client,
  json: boolean,
  output: Output,
): Promise<number> {
  const { config } = loaded;
  const names = new Set<DistfileName>();
  for (const file of files) {
    const name = parseDistfileName(file);
    if (name === undefined) throw wrongValue("FILE", file, "the name of a distfile, without a folder");
    names.add(name);
  }
  const found = discoverConfigured(config);
  const log = await openLog(config.log.level, config.log.format);
  const view = ["warn", "error"].includes(config.log.level)
    ? NO_VIEW
    : createProgressView(process.stderr, showsUnicode(resources.environment));
  const total = knownPackages(config.storage.location);
  const { wantedBy, problems } = await scanWantedBy(found.repositories, names, (done) =>
    view.show(progressOf("reading Manifests", { done, total: total === null ? null : Math.max(total, done) })),
  );
  view.clear();
  const notes = found.pending.map(
    (url) => `The repository ${maskCredentials(url)} is not cloned yet; the server will do that`,
  );
  if (found.repositories.length === 0) notes.push("No ebuild repository found (set repo.repos)");
  for (const problem of [...found.problems, ...problems, ...notes]) log.warn("{problem}", { problem });
  const hosts = createUnmeasuredHosts();
  const mirrors = createCommandMirrors(loaded, resources, hosts, log);
  let sandbox: ReturnType<typeof chooseSandbox> | undefined;
  const resolver = composeResolver({
    evaluate: config.repo.evaluate,
    wantedBy: (name) => wantedBy.get(name) ?? [],
    entriesOf: () => new Map(),
    discovered: () => found,
    rows: { get: () => [], put: () => undefined },
    mirrors,
    hosts,
    sandbox: () => {
      sandbox ??= chooseSandbox({ wanted: config.repo.sandbox });
      return sandbox;
    },
    clock: systemClock,
    log,
  });
  const deps = { resolver, mirrors };
  const resolved: Resolved[] = [];
  for (const name of names) resolved.push(await resolveOne(name, wantedBy.get(name) ?? [], config, deps));
  output.out(render(resolved, json, output.paint));
  await (await sandbox)?.sandbox?.stop();
  return resolved.every((one) => one.found) ? 0 : 1;
}
