/**
 * Describes files for the API: the file list, the top lists, and the details of one file.
 */
import type { FileDetails, FilesResponse, TopResponse, Verification } from "../api/file-schemas.ts";
import type { FilesQuery } from "../api/queries.ts";
import type { DownloadState, Failure } from "../api/schemas.ts";
import type { FetchHistory } from "../cache/fetch-history.ts";
import { compareDigests, type DistEntry } from "../distfile/digests.ts";
import { type FileKind, fileKind } from "../distfile/file-kind.ts";
import type { FileName } from "../distfile/mirror-path.ts";
import type { WantedBy } from "../distfile/wanted-by.ts";
import type { FailureRow, FailureRows } from "../index/failures.ts";
import type { FileList } from "../index/file-list.ts";
import { digestsOfRow, type FileRow, type FileRows } from "../index/files.ts";
import type { MirrorFileKind, MirrorFileList } from "../index/mirror-file-list.ts";
import type { Removal } from "../index/removals.ts";
import type { RepositoryRows } from "../index/repositories.ts";
import type { Clock } from "../lib/clock.ts";
import { createSteps } from "../lib/steps.ts";
import type { Store } from "../store/store.ts";
import { describeUpstreamRequest, iso } from "./active-downloads.ts";

export interface FileReportDeps {
  readonly rows: Pick<FileRows, "get" | "flush">;
  readonly list: FileList;
  readonly mirrorFiles: Pick<MirrorFileList, "mostUsed">;
  readonly repositories: Pick<RepositoryRows, "entriesByName">;
  /** Where people get a file that nothing may fetch; null for any other. */
  readonly byHand: (entry: DistEntry) => Promise<FileDetails["by_hand"]>;
  readonly store: Pick<Store, "stat">;
  readonly fetchHistory: Pick<FetchHistory, "of">;
  readonly failures: Pick<FailureRows, "of">;
  readonly removal: (name: string) => Removal | undefined;
  readonly download: (name: string) => DownloadState | undefined;
  readonly repositoriesScanned: () => boolean;
  readonly clock: Clock;
}

export interface FileReport {
  list(query: FilesQuery): Promise<FilesResponse>;
  details(name: FileName): Promise<FileDetails>;
  top(limit: number): TopResponse;
}

export function describeFailure(row: FailureRow): Failure {
  const { firstAt, lastAt, sources, ...rest } = row;
  const groups = sources.map((group) => ({ ...group, sources: [...group.sources] }));
  return { ...rest, sources: groups, first_at: iso(firstAt), last_at: iso(lastAt) };
}

/** Compares the digest computed when the file was stored with the Manifests. */
function verificationOf(row: FileRow, wanted: readonly WantedBy[]): Verification {
  if (row.badStamp !== null) return "damaged";
  const computed = digestsOfRow(row);
  if (wanted.length === 0 || !computed) return "unverified";
  const comparisons = wanted.map(({ entry }) => compareDigests(entry, computed));
  if (comparisons.includes("same")) return "verified";
  return comparisons.includes("unknown") ? "unverified" : "stale";
}

function storedFile(row: FileRow, wanted: readonly WantedBy[]) {
  const { name, size, storedAt, usedAt, uses, source } = row;
  return {
    name,
    size,
    stored_at: iso(storedAt),
    used_at: iso(usedAt),
    uses,
    source: source === "" ? null : source,
    verification: verificationOf(row, wanted),
  };
}

const STORED: Readonly<Record<Verification, string>> = {
  verified: "Stored, and its digest matches the Manifest.",
  unverified: "Stored, but not verified against a Manifest.",
  stale: "Stored, but the Manifests now list other content: the next request downloads it.",
  damaged: "Stored, but its bytes were changed on disk: it is sent to nobody, and the next request downloads it again.",
};

const REMOVED: Readonly<Record<Removal["reason"], string>> = {
  orphan: "clean-up removed it because no Manifest lists it any more",
  age: "clean-up removed it because it had not been requested for a long time",
  space: "clean-up removed it to free space",
  dropped: "somebody had it removed",
  damaged: "it was removed because its bytes were wrong",
};

/** No Manifest lists mirror files: who may say that they are right is another for each kind. */
const SIGNED: Readonly<Record<FileKind, string>> = {
  distfiles: STORED.unverified,
  "binary-packages":
    "Stored as its mirror sent it: a file of a binhost, whose packages Portage checks against their index and signature.",
  snapshots: "Stored as its mirror sent it: emerge-webrsync checks its digest and its signature.",
  others: "Stored as its mirror sent it: no Manifest lists it.",
};

function describeStored(name: string, verification: Verification): string {
  return verification === "unverified" ? SIGNED[fileKind(name)] : STORED[verification];
}

/** Packages shown of those that want one file. */
const MAX_PACKAGES = 100;

function timeOf(instant: string | null | undefined): number {
  return instant ? Date.parse(instant) : Number.NEGATIVE_INFINITY;
}

/** Explains why the file is or is not stored. */
function summarise(
  details: Omit<FileDetails, "summary">,
  repositoriesScanned: boolean,
  removal: Removal | undefined,
): string {
  const { name, stored, download, packages, failures, fetch_history: downloads } = details;
  if (download) return "Downloading now.";
  if (stored) return describeStored(name, stored.verification);
  if (details.by_hand) return "Not stored: no program may fetch it (RESTRICT=fetch). Get it by hand, and upload it.";
  const failedAt = timeOf(failures[0]?.last_at);
  const last = downloads.find(({ ended_at: endedAt }) => endedAt !== null);
  const lastAt = timeOf(last?.ended_at);
  if (removal && removal.at >= Math.max(failedAt, lastAt)) {
    return `Not stored: ${REMOVED[removal.reason]} at ${iso(removal.at)}. The next request downloads it again.`;
  }
  if (last?.outcome === "passed-through" && lastAt >= failedAt) {
    return "Not stored: the last download was sent to its clients without being stored.";
  }
  if (last?.outcome === "stored" && lastAt >= failedAt) {
    return "Not stored: it was removed since the last download, but not by clean-up. The next request downloads it again.";
  }
  if (failures.length > 0 || last?.outcome === "failed") return "Not stored: the last download failed.";
  if (packages.length > 0 || name.includes("/")) return "Not stored: no download of it is remembered.";
  return repositoriesScanned
    ? "Not stored, and not listed in any ebuild repository."
    : "Not stored. The ebuild repositories are still being scanned.";
}

/** How many of the most requested files are grouped by package. */
const FILES_FOR_PACKAGES = 300;
/** The longest lists that are asked for (api/queries.ts). */
const MAX_TOP = 500;
/** The top lists change slowly, and making them reads the whole table. */
const TOP_MAX_AGE_MS = 20_000;

export function createFileReport(parts: FileReportDeps): FileReport {
  const { rows, list, repositories, store, fetchHistory, clock } = parts;
  let remembered: { readonly top: TopResponse; readonly at: number } | undefined;

  /** Writes the latest uses, so that they are shown. */
  function flushUses(): void {
    try {
      rows.flush();
    } catch {
      // The disk takes nothing now, which is logged elsewhere; they are written later.
    }
  }

  function storedOf(name: FileName, wanted: readonly WantedBy[]): FileDetails["stored"] {
    const row = rows.get(name);
    const file = store.stat(name);
    if (!row || !file) return null;
    const { blake2b, sha512 } = row;
    return {
      ...storedFile(row, wanted),
      path: file.path,
      blake2b,
      sha512,
      last_modified_at: iso(file.modifiedAt),
    };
  }

  /** Tells of a file that is wanted and not here. */
  async function byHandOf(wanted: readonly WantedBy[]): Promise<FileDetails["by_hand"]> {
    const [first] = wanted;
    return first ? await parts.byHand(first.entry) : null;
  }

  async function details(name: FileName): Promise<FileDetails> {
    flushUses();
    const wanted = repositories.entriesByName(name);
    const now = clock.now();
    const stored = storedOf(name, wanted);
    const download = parts.download(name) ?? null;
    const removal = parts.removal(name);
    const by_hand = stored || download ? null : await byHandOf(wanted);
    const found = {
      name,
      state: download ? "downloading" : stored ? "stored" : wanted.length > 0 ? "listed" : "unknown",
      stored,
      download,
      packages: wanted.slice(0, MAX_PACKAGES).map(({ repository, category, package: packageName, entry }) => ({
        repository,
        package: `${category}/${packageName}`,
        size: entry.size,
        blake2b: entry.blake2b ?? null,
        sha512: entry.sha512 ?? null,
        other_hash: entry.other ?? null,
      })),
      by_hand,
      fetch_history: fetchHistory.of(name).map(({ startedAt, endedAt, outcome = null, requests }) => ({
        started_at: iso(startedAt),
        ended_at: endedAt === undefined ? null : iso(endedAt),
        outcome,
        upstream_requests: requests.map((one) => describeUpstreamRequest(one, now)),
      })),
      failures: parts.failures.of(name).map(describeFailure),
      removed: removal ? { at: iso(removal.at), reason: removal.reason } : null,
    } as const;
    return { ...found, summary: summarise(found, parts.repositoriesScanned(), removal) };
  }

  function packagesOf(used: readonly FileRow[]): TopResponse["packages"] {
    const packages = new Map<string, TopResponse["packages"][number]>();
    for (const { name, size, uses } of used) {
      // A file of several packages counts for the first: the request does not say for which it was.
      const [by] = repositories.entriesByName(name);
      if (!by) continue;
      const key = `${by.repository} ${by.category}/${by.package}`;
      const before = packages.get(key) ?? { files: 0, uses: 0, bytes: 0 };
      packages.set(key, {
        package: `${by.category}/${by.package}`,
        repository: by.repository,
        files: before.files + 1,
        uses: before.uses + uses,
        bytes: before.bytes + size,
      });
    }
    return [...packages.values()].toSorted((a, b) => b.uses - a.uses);
  }

  function findTop(limit: number): TopResponse {
    flushUses();
    const sorted = (sort: "uses" | "size" | "stored_at", perPage: number) =>
      list.page({ q: "", sort, order: "desc", page: 1, perPage });
    const used = sorted("uses", Math.max(limit, FILES_FOR_PACKAGES)).filter(({ uses }) => uses > 0);
    const brief = ({ name, size, uses }: FileRow) => ({ name, size, uses });
    const ofKind = (kind: MirrorFileKind) => parts.mirrorFiles.mostUsed(kind, limit).map(brief);
    return {
      files: used.slice(0, limit).map(brief),
      binary_packages: ofKind("binary-packages"),
      snapshots: ofKind("snapshots"),
      packages: packagesOf(used).slice(0, limit),
      largest: sorted("size", limit).map(brief),
      latest: sorted("stored_at", limit).map(({ name, size, storedAt }) => ({ name, size, stored_at: iso(storedAt) })),
    };
  }

  return {
    async list({ q, sort, order, page, per_page }) {
      flushUses();
      const endStep = createSteps();
      const { files, bytes } = list.totals(q);
      await endStep();
      const found = list.page({ q, sort, order, page, perPage: per_page });
      const shown: FilesResponse["files"] = [];
      for (const row of found) {
        await endStep();
        shown.push(storedFile(row, repositories.entriesByName(row.name)));
      }
      return {
        total: files,
        total_bytes: bytes,
        page,
        per_page,
        files: shown,
      };
    },
    details,
    top(limit) {
      const now = clock.now();
      if (!remembered || now - remembered.at >= TOP_MAX_AGE_MS || now < remembered.at) {
        remembered = { top: findTop(MAX_TOP), at: now };
      }
      const { files, binary_packages, snapshots, packages, largest, latest } = remembered.top;
      const first = <T>(list: readonly T[]) => list.slice(0, limit);
      return {
        files: first(files),
        binary_packages: first(binary_packages),
        snapshots: first(snapshots),
        packages: first(packages),
        largest: first(largest),
        latest: first(latest),
      };
    },
  };
}
