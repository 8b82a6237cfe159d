/**
 * What the trees on disk want of a few files, read from all their Manifests now: for commands, which have no index.
 */
import type { DistEntry } from "../distfile/digests.ts";
import type { DistfileName } from "../distfile/name.ts";
import type { WantedBy } from "../distfile/wanted-by.ts";
import type { Repository } from "../repos/discover.ts";
import { scanRepository } from "../repos/scan.ts";

export interface WantedByScan {
  /** First repository first. */
  readonly wantedBy: ReadonlyMap<DistfileName, readonly WantedBy[]>;
  /** Why a repository could not be read, in sentences. */
  readonly problems: readonly string[];
}

export async function scanWantedBy(
  repositories: readonly Repository[],
  names: ReadonlySet<DistfileName>,
): Promise<WantedByScan> {
  const wanting = new Map<DistfileName, WantedBy[]>();
  const problems: string[] = [];
  const add = (name: DistfileName, one: WantedBy) => wanting.set(name, [...(wanting.get(name) ?? []), one]);
  for (const { name, location } of repositories) {
    const keep = (category: string, packageName: string, entries: readonly DistEntry[]) => {
      const wanted = entries.filter((entry) => names.has(entry.name));
      for (const entry of wanted)
        add(entry.name, { repository: name, location, category, package: packageName, entry });
      return wanted.length;
    };
    const { problem } = await scanRepository({
      repositoryId: 0,
      location,
      rows: {
        categories: () => [],
        packages: () => new Map(),
        replace: (_id, packages) => packages.filter((one) => keep(one.category, one.package, one.entries) > 0).length,
        remove: () => undefined,
      },
      full: true,
      signal: new AbortController().signal,
    });
    if (problem !== undefined) problems.push(`Repository ${name} (${location}) ${problem}`);
  }
  return { wantedBy: wanting, problems };
}
