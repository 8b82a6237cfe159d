/**
 * Where a file can be had: the mirrors, and the SRC_URI of the ebuilds that want it, in the order to ask them (SPEC 6).
 */
import type { Digests, DistEntry } from "../distfile/digests.ts";
import type { Attempt } from "../distfile/errors.ts";
import type { DistfileName } from "../distfile/name.ts";
import type { Source, SourceList } from "../distfile/source.ts";
import { oneLine } from "../lib/text.ts";
import { maskCredentials } from "../lib/url.ts";
import type { Mirrors } from "../mirrors/mirrors.ts";
import type { Repository } from "../repos/discover.ts";
import type { Masters } from "../repos/masters.ts";
import { type Expanded, type ExpandedUri, expandUris } from "./expand.ts";
import { type Depth, findFetchables, type PackageFetchables } from "./fetchables.ts";
import { filesOfVersion, type VersionFiles } from "./package-files.ts";
import { mostPermissive, type Permission } from "./restrict.ts";
import { type SiblingsDeps, siblingsOf } from "./siblings.ts";
import type { UriOrder } from "./uri-order.ts";

/** All that the trees say of a file. */
export interface Resolution {
  readonly packages: readonly PackageFetchables[];
  readonly permission: Permission;
  /** Of SRC_URI, in Portage's order. */
  readonly uris: readonly ExpandedUri[];
  readonly refusals: readonly Attempt[];
}

export interface Resolver {
  /** Of a content that some tree wants. */
  sources(name: DistfileName, content: Digests): Promise<SourceList>;
  resolve(name: DistfileName, content: Digests, depth: Depth): Promise<Resolution>;
  /** What will be asked for after it. */
  siblings(name: DistfileName, content: Digests): Promise<readonly DistEntry[]>;
  readonly filesOfVersion: (
    repository: Repository,
    category: string,
    name: string,
    version: string,
  ) => Promise<VersionFiles>;
  /** To be called when a tree has changed. */
  forgetFailures(): void;
}

export interface ResolverDeps extends SiblingsDeps {
  readonly masters: Pick<Masters, "mirrorUrls">;
  readonly mirrors: Pick<Mirrors, "sources">;
  readonly uriOrder: UriOrder;
}

/** What the packages say against fetching, for the one who reads Portage's log. */
function refusalsOf({ repository, name, fetchables: wishes, failures }: PackageFetchables): readonly Attempt[] {
  const refusals: Attempt[] = [];
  const restricted = wishes.find(({ permission }) => permission.fetchRestricted);
  if (restricted) {
    const detail = `has RESTRICT=fetch: get the file by hand (see ${oneLine(restricted.homepage) || "the ebuild"}); \`portcache import DIR\` takes it`;
    refusals.push({ source: `${repository.name}: ${name}`, kind: "absent", detail });
  }
  for (const [ebuild, reason] of failures) {
    refusals.push({
      source: `${repository.name}: ${ebuild}`,
      kind: "absent",
      detail: `has an unknown SRC_URI: it ${reason}`,
    });
  }
  return refusals;
}

export function createResolver(deps: ResolverDeps): Resolver {
  const { wantedBy, repositoryAt, masters: families, mirrors, uriOrder: hosts } = deps;

  async function expand(
    { repository, fetchables: wishes }: PackageFetchables,
    allowed: ReadonlySet<string>,
  ): Promise<Expanded> {
    const { uris } = mostPermissive(wishes.map(({ permission }) => permission));
    const mirrorUrls = (name: string) => families.mirrorUrls(repository, name);
    return await expandUris(
      uris.filter((uri) => allowed.has(uri)),
      { mirrorUrls, spread: hosts.spread },
    );
  }

  async function resolve(name: DistfileName, content: Digests, depth: Depth): Promise<Resolution> {
    const packages = await findFetchables(name, content, depth, deps);
    const permission = mostPermissive(
      packages.flatMap(({ fetchables: wishes }) => wishes.map((wish) => wish.permission)),
    );
    // The same URI in several packages is expanded once, by the first that has it.
    const left = new Set(permission.uris);
    const candidates: ExpandedUri[] = [];
    const refusals: Attempt[] = [];
    for (const one of packages) {
      const expanded = await expand(one, left);
      candidates.push(...expanded.uris);
      refusals.push(...expanded.refusals, ...refusalsOf(one));
      for (const { permission: said } of one.fetchables) for (const uri of said.uris) left.delete(uri);
    }
    return { packages, permission, uris: candidates, refusals };
  }

  function uriSource({ url, trusted }: Extract<ExpandedUri, { kind: "url" }>): Source {
    const { startRequest, hedgeDelayMs, expectedMs, status, rangeIgnored } = hosts.hostOf(url);
    return {
      label: oneLine(maskCredentials(url)),
      trustedOrigin: trusted ? new URL(url).origin : undefined,
      locate: async () => url,
      startRequest,
      hedgeDelayMs,
      expectedMs,
      status,
      rangeIgnored,
    };
  }

  function arrange(
    name: DistfileName,
    content: Digests,
    { permission, uris: candidates }: Resolution,
  ): readonly Source[] {
    const wanting = wantedBy(name).flatMap(({ location }) => repositoryAt(location)?.name ?? []);
    const repositories = [...new Set(wanting)];
    const uris = hosts.order(candidates).flatMap((candidate): readonly Source[] => {
      if (candidate.kind === "url") return [uriSource(candidate)];
      // Under its own name it is asked for there anyway.
      const asked = candidate.name === name && permission.mirrors !== "never";
      return asked ? [] : mirrors.sources(candidate.name, content, []);
    });
    const atMirrors = permission.mirrors === "never" ? [] : mirrors.sources(name, content, repositories);
    const first = permission.mirrors === "first" ? atMirrors.filter(({ likely }) => likely || uris.length === 0) : [];
    const last = atMirrors.filter((source) => !first.includes(source));
    return [...first, ...uris, ...last];
  }

  async function sources(name: DistfileName, content: Digests, depth: Depth): Promise<SourceList> {
    const resolution = await resolve(name, content, depth);
    const found: SourceList = {
      sources: () => arrange(name, content, resolution),
      refusals: resolution.refusals,
    };
    return depth === "all" ? found : { ...found, more: () => sources(name, content, "all") };
  }

  return {
    forgetFailures: deps.metadata.forgetFailures,
    resolve,
    sources: (name, content) => sources(name, content, "first"),
    siblings: (name, content) => siblingsOf(name, content, deps),
    filesOfVersion: (repository, category, name, version) =>
      filesOfVersion(repository, category, name, version, deps.metadata),
  };
}
