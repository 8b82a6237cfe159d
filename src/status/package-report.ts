/**
 * Describes packages for the API: what a search finds, and one package with its versions and files.
 */
import type { FileDetails } from "../api/file-schemas.ts";
import type { PackageDetails, PackagesResponse } from "../api/package-schemas.ts";
import type { PackagesQuery } from "../api/queries.ts";
import type { DistEntry } from "../distfile/digests.ts";
import type { DistfileName } from "../distfile/name.ts";
import type { FileRows } from "../index/files.ts";
import type { PackageSearch } from "../index/package-search.ts";
import type { RepositoryRows } from "../index/repositories.ts";
import { createSteps } from "../lib/steps.ts";
import type { Repository } from "../repos/discover.ts";

export interface PackageReportDeps {
  readonly search: PackageSearch;
  readonly repositories: Pick<RepositoryRows, "entriesByName" | "entriesOf">;
  readonly discovered: () => readonly Repository[];
  readonly rows: Pick<FileRows, "get">;
  readonly details: (name: DistfileName) => Promise<FileDetails>;
  readonly versionsOf: (
    repository: Repository,
    category: string,
    name: string,
  ) => Promise<PackageDetails["repositories"][number]["versions"]>;
}

export interface PackageReport {
  find(query: PackagesQuery): Promise<PackagesResponse>;
  /** @returns undefined where no repository has the package */
  details(category: string, name: string): Promise<PackageDetails | undefined>;
}

/** Files of one package that are described. */
const MAX_FILES = 200;

export function createPackageReport(parts: PackageReportDeps): PackageReport {
  const { search, repositories, rows } = parts;

  async function describeFile({ name, size }: DistEntry): Promise<PackageDetails["files"][number]> {
    const { stored, summary } = await parts.details(name);
    return {
      name,
      size: stored?.size ?? size,
      stored: stored !== null,
      stored_at: stored?.stored_at ?? null,
      uses: stored?.uses ?? 0,
      summary,
    };
  }

  /** Describes the first files, of which the stored ones come first. */
  async function describeFiles(entries: readonly DistEntry[]): Promise<PackageDetails["files"]> {
    const endStep = createSteps();
    const isStored = (entry: DistEntry) => rows.get(entry.name) !== undefined;
    const [stored, others] = [entries.filter(isStored), entries.filter((entry) => !isStored(entry))];
    const files: PackageDetails["files"] = [];
    for (const entry of [...stored, ...others].slice(0, MAX_FILES)) {
      files.push(await describeFile(entry));
      await endStep();
    }
    return files;
  }

  return {
    async find({ search: text, limit }) {
      if (text === "") return { packages: [], files: [] };
      const found = await search.find(text, limit);
      const endStep = createSteps();
      const files: PackagesResponse["files"] = [];
      for (const name of found.files) {
        const [by] = repositories.entriesByName(name as DistfileName);
        await endStep();
        // Else of a repository that is configured no more.
        if (!by) continue;
        const stored = rows.get(by.entry.name) !== undefined;
        files.push({ name, size: by.entry.size, stored, package: `${by.category}/${by.package}` });
      }
      const packages = found.packages.map(({ repository, category, package: name, files: count }) => ({
        package: `${category}/${name}`,
        repository,
        files: count,
      }));
      return { packages, files };
    },
    async details(category, name) {
      const lists = parts.discovered().map((repository) => ({
        repository,
        entries: repositories.entriesOf(repository.location, category, name),
      }));
      const having = lists.filter(({ entries }) => entries.size > 0);
      if (having.length === 0) return undefined;
      // Of several repositories the first one's entry counts, for which the name stands.
      const entries = new Map(having.toReversed().flatMap((one) => [...one.entries]));
      const all = [...entries.values()];
      const files = await describeFiles(all);
      const described: PackageDetails["repositories"] = [];
      for (const { repository } of having) {
        const versions = await parts.versionsOf(repository, category, name);
        described.push({ repository: repository.name, versions });
      }
      const total_bytes = all.reduce((sum, { size }) => sum + size, 0);
      return { package: `${category}/${name}`, repositories: described, files, total_files: all.length, total_bytes };
    },
  };
}
