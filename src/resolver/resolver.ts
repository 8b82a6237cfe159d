/**
 * Resolves a file to its sources, in the order to try: mirrors, and the SRC_URI of the ebuilds that want the file.
 */
import type { Digests, DistEntry } from "../distfile/digests.ts";
import type { Attempt } from "../distfile/errors.ts";
import type { DistfileName } from "../distfile/name.ts";
import type { Source, SourceList } from "../distfile/source.ts";
import type { WantedBy } from "../distfile/wanted-by.ts";
import { shown, unwrapped } from "../lib/text.ts";
import { maskCredentials } from "../lib/url.ts";
import type { MirrorSource, Mirrors } from "../mirrors/mirrors.ts";
import type { Repository } from "../repos/discover.ts";
import type { MetadataReader } from "../repos/ebuild-metadata.ts";
import type { Masters } from "../repos/masters.ts";
import { type ExpandedUri, expandUri } from "./expand.ts";
import { type Depth, findFetchables, type PackageFetchables, packagesWanting } from "./fetchables.ts";
import { filesOfVersion, type VersionFiles } from "./package-files.ts";
import { type PackageVersion, versionsOf } from "./package-versions.ts";
import { createSrcUriReader } from "./read-src-uri.ts";
import { mostPermissive, type Permission } from "./restrict.ts";
import { siblingsOf } from "./siblings.ts";
import type { UriOrder } from "./uri-order.ts";

/** Everything that ebuilds say about fetching a file. */
export interface Resolution {
  readonly packages: readonly PackageFetchables[];
  readonly permission: Permission;
  /** From SRC_URI, in Portage's order. */
  readonly uris: readonly ExpandedUri[];
  readonly refusals: readonly Attempt[];
}

/** `content` is one that a package wants under this name. */
export interface Resolver {
  sources(name: DistfileName, content: Digests): Promise<SourceList>;
  /** Returns the mirrors alone, whatever RESTRICT says; no package has to want the content. */
  mirrorSources(name: DistfileName, content: Digests | undefined): readonly Source[];
  resolve(name: DistfileName, content: Digests, depth: Depth): Promise<Resolution>;
  /** Predicts which files a client asks for next. */
  siblings(name: DistfileName, content: Digests): Promise<readonly DistEntry[]>;
  readonly filesOfVersion: (
    repository: Repository,
    category: string,
    name: string,
    version: string,
  ) => Promise<VersionFiles>;
  versionsOf(repository: Repository, category: string, name: string): Promise<readonly PackageVersion[]>;
  /** Lets ebuilds be evaluated again that failed; to be called when a repository has changed. */
  forgetFailures(): void;
}

export interface ResolverDeps {
  /** First repository first. */
  readonly wantedBy: (name: DistfileName) => readonly WantedBy[];
  /** Entries of a package's Manifest, by name. */
  readonly entriesOf: (location: string, category: string, name: string) => ReadonlyMap<string, DistEntry>;
  readonly repositoryAt: (location: string) => Repository | undefined;
  readonly metadata: MetadataReader;
  readonly masters: Pick<Masters, "mirrorUrls">;
  readonly mirrors: Pick<Mirrors, "sources">;
  readonly uriOrder: UriOrder;
}

/** How many URLs of SRC_URI a file is fetched from at most, after expansion, over all packages that want it. */
const MAX_CANDIDATES = 64;
/** How many reasons a client gets at most. */
const MAX_REFUSALS = 64;

/** Says what keeps a package's URIs from being fetched, for readers of Portage's log. */
function refusalsOf({ repository, name, fetchables, failures }: PackageFetchables): readonly Attempt[] {
  const refusals = [...failures].slice(0, MAX_REFUSALS).map(([ebuild, { reason, passing }]): Attempt => {
    const detail = `has an unknown SRC_URI: it ${reason}`;
    return { source: `${repository.name}: ${ebuild}`, kind: passing ? "failed" : "absent", detail };
  });
  const restricted = fetchables.find(({ permission }) => permission.fetchRestricted);
  if (!restricted) return refusals;
  const page = shown(unwrapped(restricted.homepage)) || "the ebuild";
  const detail = `has RESTRICT=fetch: get the file by hand (see ${page}), then add it with \`portcache import FILE\` or on the dashboard`;
  return [{ source: `${repository.name}: ${name}`, kind: "absent", detail }, ...refusals];
}

/** Returns how long the bytes would take at a source whose speed is known, or infinite where it can't be asked; else 0. */
function measuredMs(source: Source | undefined, bytes: number): number {
  if (source?.status().bytesPerSecond === undefined) return 0;
  return source.expectedMs(bytes) ?? Number.POSITIVE_INFINITY;
}

export function createResolver(deps: ResolverDeps): Resolver {
  const { wantedBy, entriesOf, repositoryAt, metadata, masters, mirrors, uriOrder } = deps;

  const startReading = createSrcUriReader();
  const packagesOf = (name: DistfileName, content: Digests) => packagesWanting(content, wantedBy(name), repositoryAt);

  function mirrorSources(name: DistfileName, content: Digests | undefined): readonly MirrorSource[] {
    const repositories = new Set(wantedBy(name).flatMap(({ location }) => repositoryAt(location)?.name ?? []));
    return mirrors.sources(name, content, [...repositories]);
  }

  async function resolve(name: DistfileName, content: Digests, depth: Depth): Promise<Resolution> {
    const packages = await findFetchables(name, packagesOf(name, content), depth, metadata, startReading());
    const permission = mostPermissive(packages.flatMap(({ fetchables }) => fetchables.map((one) => one.permission)));
    // A URI that several packages have is expanded once, by the first of them.
    const left = new Set(permission.uris);
    const uris: ExpandedUri[] = [];
    const refusals: Attempt[] = [];
    for (const one of packages) {
      refusals.push(...refusalsOf(one));
      const own = mostPermissive(one.fetchables.map((fetchable) => fetchable.permission)).uris;
      const expandDeps = {
        mirrorUrls: (list: string) => masters.mirrorUrls(one.repository, list),
        spread: uriOrder.spread,
      };
      for (const uri of own) {
        if (uris.length >= MAX_CANDIDATES || !left.delete(uri)) continue;
        const expansion = await expandUri(uri, expandDeps);
        uris.push(...expansion.uris);
        refusals.push(...expansion.refusals);
      }
    }
    if (uris.length >= MAX_CANDIDATES && left.size > 0) {
      const detail = `are left out: a file is fetched from at most ${MAX_CANDIDATES} URLs`;
      refusals.push({ source: `${left.size} further URIs`, kind: "absent", detail });
    }
    return { packages, permission, uris: uris.slice(0, MAX_CANDIDATES), refusals: refusals.slice(0, MAX_REFUSALS) };
  }

  function uriSource({ url, trusted }: Extract<ExpandedUri, { kind: "url" }>): Source {
    const { startRequest, hedgeDelayMs, expectedMs, status, noteRange } = uriOrder.hostOf(url);
    return {
      label: shown(maskCredentials(url)),
      trustedOrigin: trusted ? new URL(url).origin : undefined,
      locate: async () => ({ urls: [url] }),
      startRequest,
      hedgeDelayMs,
      expectedMs,
      status,
      noteRange,
    };
  }

  function inOrder(name: DistfileName, content: Digests, { permission, uris }: Resolution): readonly Source[] {
    const uriSources = uriOrder.order(uris).flatMap((uri): readonly Source[] => {
      if (uri.kind === "url") return [uriSource(uri)];
      // Mirrors are asked for the file's own name anyway.
      const isAsked = uri.name === name && permission.mirrors !== "never";
      return isAsked ? [] : mirrors.sources(uri.name, content, []);
    });
    const atMirrors = permission.mirrors === "never" ? [] : mirrorSources(name, content);
    const uriMs = measuredMs(uriSources[0], content.size);
    const isFirst = ({ likely, costMs = Number.POSITIVE_INFINITY }: MirrorSource) =>
      permission.mirrors === "first" && (likely || uriSources.length === 0 || costMs < uriMs);
    return [...atMirrors.filter(isFirst), ...uriSources, ...atMirrors.filter((source) => !isFirst(source))];
  }

  async function sources(name: DistfileName, content: Digests, depth: Depth): Promise<SourceList> {
    const resolution = await resolve(name, content, depth);
    const list: SourceList = {
      sources: () => inOrder(name, content, resolution),
      refusals: resolution.refusals,
    };
    return depth === "all" ? list : { ...list, more: () => sources(name, content, "all") };
  }

  /**
   * Where ebuilds would have to be sourced first, and nothing known forbids to ask mirrors: the mirrors alone, and beside them what
   * ebuilds say, for where mirrors are late or lack the file.
   */
  async function sourcesSoon(name: DistfileName, content: Digests): Promise<SourceList> {
    const { packages, permission } = await resolve(name, content, "known");
    const rest = () => sources(name, content, "first");
    const isOpen = packages.some(({ incomplete }) => incomplete) && permission.mirrors === "first";
    const likely = isOpen ? mirrorSources(name, content).filter((source) => source.likely) : [];
    return likely.length === 0 ? await rest() : { sources: () => likely, refusals: [], rest };
  }

  return {
    forgetFailures: metadata.forgetFailures,
    resolve,
    sources: sourcesSoon,
    mirrorSources,
    siblings: (name, content) => siblingsOf(name, packagesOf(name, content), metadata, startReading(), entriesOf),
    versionsOf: (repository, category, name) => versionsOf(repository, category, name, metadata, startReading()),
    filesOfVersion: (repository, category, name, version) =>
      filesOfVersion(repository, category, name, version, metadata, startReading()),
  };
}
