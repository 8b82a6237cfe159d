/**
 * Formats what `portcache serve` prints when it listens: where it stores, what it verifies with, whom it asks, and the addresses that
 * people need (pure).
 */
import type { Status } from "../api/schemas.ts";
import type { RepositoryCount } from "../index/repositories.ts";
import { formatBytes, formatCount, plural } from "../lib/format.ts";
import { shown } from "../lib/text.ts";

export interface StartFacts {
  readonly store: Status["store"];
  /** In order, with the counts of the last scan; without packages where none has been made. */
  readonly repositories: readonly RepositoryCount[];
  /** URLs of repositories that are to be cloned, without credentials. */
  readonly pending: readonly string[];
  /** URLs without credentials. */
  readonly mirrors: readonly string[];
  /** An address that one can open. */
  readonly url: string;
}

/** Lines of a long list: `portcache check` shows all. */
const SHOWN = 4;

function shortened(lines: readonly string[]): readonly string[] {
  const more = lines.length - SHOWN;
  return more <= 1 ? lines : [...lines.slice(0, SHOWN), `and ${formatCount(more)} more`];
}

function storeLines({ location, files, bytes, max_bytes, free_bytes }: Status["store"]): readonly string[] {
  const limit = max_bytes === null ? "" : ` of ${formatBytes(max_bytes)}`;
  return [location, `${formatBytes(bytes)}${limit} in ${plural(files, "file")}, ${formatBytes(free_bytes)} free`];
}

function repositoryLines({ repositories, pending }: StartFacts): readonly string[] {
  const lines = [
    ...repositories.map(({ name, packages, distfiles }) =>
      packages === 0
        ? `${shown(name)}: being read`
        : `${shown(name)}: ${plural(packages, "package")}, ${plural(distfiles, "distfile")}`,
    ),
    ...pending.map((url) => `${shown(url)}: to be cloned`),
  ];
  return lines.length === 0 ? ["none, so nothing is verified (set repo.repos)"] : lines;
}

/** @returns lines below the one that says where the server listens */
export function formatStart(facts: StartFacts): readonly string[] {
  const blocks: readonly (readonly [label: string, lines: readonly string[]])[] = [
    ["Store", storeLines(facts.store)],
    ["Repositories", shortened(repositoryLines(facts))],
    ["Mirrors", shortened(facts.mirrors.length === 0 ? ["none"] : facts.mirrors.map(shown))],
    ["Dashboard", [`${facts.url}/`]],
    ["Clients", [`local ${facts.url}`]],
  ];
  const width = Math.max(...blocks.map(([label]) => label.length));
  return blocks.flatMap(([label, lines]) =>
    lines.map((line, i) => `  ${(i === 0 ? label : "").padEnd(width)}  ${line}`),
  );
}
