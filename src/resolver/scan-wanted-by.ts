/**
 * Finds out which packages want a few files by reading all Manifests on disk: for commands, which have no index.
 */
import type { DistEntry } from "../distfile/digests.ts";
import type { DistfileName } from "../distfile/name.ts";
import type { WantedBy } from "../distfile/wanted-by.ts";
import type { Repository } from "../repos/discover.ts";
import { scanRepository } from "../repos/scan.ts";

export interface WantedByScan {
  /** First repository first. */
  readonly wantedBy: ReadonlyMap<DistfileName, readonly WantedBy[]>;
  /** Reasons why repositories could not be read, as sentences. */
  readonly problems: readonly string[];
}

export async function scanWantedBy(
  repositories: readonly Repository[],
  names: ReadonlySet<DistfileName>,
  onReading: (packages: number) => void = () => undefined,
): Promise<WantedByScan> {
  const wantedBy = new Map<DistfileName, WantedBy[]>();
  const problems: string[] = [];
  let read = 0;
  for (const { name: repository, location } of repositories) {
    const keep = (category: string, packageName: string, entries: readonly DistEntry[]) => {
      const wanted = entries.filter((entry) => names.has(entry.name));
      for (const entry of wanted) {
        const by = { repository, location, category, package: packageName, entry };
        wantedBy.set(entry.name, [...(wantedBy.get(entry.name) ?? []), by]);
      }
      return wanted.length;
    };
    const { problem, unreadable } = await scanRepository({
      repositoryId: 0,
      location,
      rows: {
        categories: () => [],
        packages: () => new Map(),
        replace(_id, packages) {
          read += packages.length;
          onReading(read);
          return packages.filter((one) => keep(one.category, one.package, one.entries) > 0).length;
        },
        remove: () => undefined,
      },
      full: true,
      signal: new AbortController().signal,
    });
    const [first] = unreadable;
    if (first) {
      const others = unreadable.length === 1 ? "" : ` (and ${unreadable.length - 1} other paths)`;
      problems.push(`${first.path} was not read${others}: ${first.reason}`);
    }
    if (problem !== undefined) problems.push(`Repository ${repository} (${location}) ${problem}`);
  }
  return { wantedBy, problems };
}
