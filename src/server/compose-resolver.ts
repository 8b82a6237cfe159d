/**
 * Puts together the resolver, which finds the sources of a file, for the server and for `portcache resolve`.
 */
import type { Config } from "../config/schema.ts";
import type { EvaluationRows } from "../distfile/evaluation-rows.ts";
import type { WantedBy } from "../distfile/wanted-by.ts";
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import type { Hosts } from "../mirrors/hosts.ts";
import type { Mirrors } from "../mirrors/mirrors.ts";
import { createMetadataReader } from "../repos/ebuild-metadata.ts";
import { createEvaluator, type Evaluator } from "../repos/evaluate.ts";
import { createMasters, type MastersDeps } from "../repos/masters.ts";
import type { ChosenSandbox } from "../repos/sandbox/choose.ts";
import { createResolver, type Resolver, type ResolverDeps } from "../resolver/resolver.ts";
import { createUriOrder } from "../resolver/uri-order.ts";

export interface ResolverParts {
  readonly evaluate: Config["repo"]["evaluate"];
  readonly wantedBy: (name: WantedBy["entry"]["name"]) => readonly WantedBy[];
  readonly entriesOf: ResolverDeps["entriesOf"];
  readonly discovered: MastersDeps["discovered"];
  readonly rows: EvaluationRows;
  readonly mirrors: Mirrors;
  readonly hosts: Hosts;
  /** Called when the first ebuild has to be evaluated. */
  readonly sandbox: () => Promise<ChosenSandbox>;
  readonly clock: Clock;
  readonly log: Logger;
}

export function composeResolver(parts: ResolverParts): Resolver {
  const { discovered, mirrors, clock, log } = parts;
  const masters = createMasters({ discovered, customMirrorsPath: "/etc/portage/mirrors" });
  let ready: Evaluator | undefined;

  async function evaluator(): Promise<Evaluator | string> {
    if (parts.evaluate === "never") return 'is not evaluated: repo.evaluate is "never"';
    const { sandbox } = await parts.sandbox();
    if (!sandbox) return "is not evaluated: no sandbox works here (portcache check says why)";
    ready ??= createEvaluator(sandbox);
    return ready;
  }

  return createResolver({
    wantedBy: parts.wantedBy,
    entriesOf: parts.entriesOf,
    repositoryAt: (location) => discovered().repositories.find((repository) => repository.location === location),
    metadata: createMetadataReader({ masters, rows: parts.rows, evaluator, clock, log }),
    masters,
    mirrors,
    uriOrder: createUriOrder(parts.hosts, Math.random),
  });
}
