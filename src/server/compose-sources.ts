/**
 * Puts together what finds the sources of a file: hosts, mirrors and the resolver.
 */
import type { DistfileDownloadsDeps } from "../cache/miss.ts";
import type { Config } from "../config/schema.ts";
import { createEvaluationRows } from "../index/evaluations.ts";
import type { Resolver } from "../resolver/resolver.ts";
import type { Counters } from "../status/counters.ts";
import { type ComposedMirrors, composeMirrors, type MirrorsParts } from "./compose-mirrors.ts";
import type { ComposedRepositories } from "./compose-repos.ts";
import { composeResolver, type ResolverParts } from "./compose-resolver.ts";
import type { ComposedUpstream } from "./compose-upstream.ts";

export interface SourcesParts extends MirrorsParts {
  readonly config: Pick<Config, "fetcher" | "repo">;
  readonly sandbox: ResolverParts["sandbox"];
}

export interface ComposedSources extends ComposedMirrors {
  readonly resolver: Resolver;
  readonly findSources: DistfileDownloadsDeps["findSources"];
}

/** Returns what finds the sources of a content: with `src_uri = false` the mirrors alone, whatever RESTRICT says. */
function createFindSources(
  { fetcher }: Pick<Config, "fetcher">,
  resolver: Pick<Resolver, "sources" | "mirrorSources">,
): DistfileDownloadsDeps["findSources"] {
  return async (name, content) => {
    const uris = fetcher.src_uri ? content : undefined;
    if (uris) return await resolver.sources(name, uris);
    return { sources: () => resolver.mirrorSources(name, content), refusals: [] };
  };
}

export function composeSources(
  parts: SourcesParts,
  upstream: ComposedUpstream,
  { configured, rows }: ComposedRepositories,
  { measureResolving }: Pick<Counters, "measureResolving">,
): ComposedSources {
  const { hosts, mirrors } = composeMirrors(parts, upstream);
  const resolver = composeResolver({
    evaluate: parts.config.repo.evaluate,
    wantedBy: rows.entriesByName,
    entriesOf: rows.entriesOf,
    discovered: configured.discovered,
    rows: createEvaluationRows(parts.index.db),
    mirrors,
    hosts,
    sandbox: parts.sandbox,
    clock: parts.clock,
    log: parts.log,
  });
  return {
    hosts,
    mirrors,
    resolver,
    findSources: measureResolving(createFindSources(parts.config, resolver)),
  };
}
