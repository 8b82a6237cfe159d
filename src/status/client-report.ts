/**
 * Describes clients for the API: their counts, and the packages and files that they asked for.
 */
import type { Client, ClientDetails, ClientsResponse } from "../api/client-schemas.ts";
import type { FileName } from "../distfile/mirror-path.ts";
import type { ClientCounts, ClientRow } from "../index/clients.ts";
import type { RepositoryRows } from "../index/repositories.ts";
import type { FileCount } from "../index/request-history.ts";
import { cut } from "../lib/text.ts";
import { iso } from "./active-downloads.ts";
import type { ClientNames, RequestHistory } from "./request-history.ts";

export interface ClientReportDeps {
  readonly clients: Pick<ClientCounts, "top" | "get">;
  readonly history: Pick<RequestHistory, "filesOf" | "isKept">;
  readonly names: ClientNames;
  readonly repositories: Pick<RepositoryRows, "entriesByName">;
  /** Returns whether clients are counted. */
  readonly isRecorded: () => boolean;
}

export interface ClientReport {
  list(limit: number): ClientsResponse;
  /** @param named an address, or a name */
  details(named: string): Promise<ClientDetails>;
}

/** Files whose packages are looked up, and how many of each are shown. */
const COUNTED_FILES = 300;
const SHOWN = 20;
const NAME_CHARACTERS = 255;

export function createClientReport(deps: ClientReportDeps): ClientReport {
  const { clients, history, names, repositories, isRecorded } = deps;

  function describe({ firstSeen, lastSeen, savedBytes, ...one }: ClientRow): Client {
    return {
      ...one,
      name: names.nameOf(one.address) ?? null,
      bytes_saved: savedBytes,
      first_seen: iso(firstSeen),
      last_seen: iso(lastSeen),
    };
  }

  function packagesOf(files: readonly FileCount[]): ClientDetails["packages"] {
    const packages = new Map<string, { readonly package: string; requests: number; bytes: number }>();
    for (const { file, requests, bytes } of files) {
      // A file of several packages counts for the first: the request does not say for which it was.
      const [by] = repositories.entriesByName(file as FileName);
      if (!by) continue;
      const name = `${by.category}/${by.package}`;
      const one = packages.get(name) ?? { package: name, requests: 0, bytes: 0 };
      one.requests += requests;
      one.bytes += bytes;
      packages.set(name, one);
    }
    return [...packages.values()].toSorted((a, b) => b.requests - a.requests).slice(0, SHOWN);
  }

  async function filesOf(address: string): Promise<readonly FileCount[]> {
    if (!history.isKept()) return [];
    // The list of requests says what is wrong with the history.
    return await history.filesOf(address, COUNTED_FILES).catch(() => []);
  }

  return {
    list: (limit) => ({ recorded: isRecorded(), clients: isRecorded() ? clients.top(limit).map(describe) : [] }),
    async details(named) {
      const address = names.addressOf(named) ?? cut(named, NAME_CHARACTERS);
      const row = isRecorded() ? clients.get(address) : undefined;
      const files = isRecorded() ? await filesOf(address) : [];
      return {
        recorded: isRecorded(),
        address,
        name: names.nameOf(address) ?? null,
        client: row === undefined ? null : describe(row),
        packages: packagesOf(files),
        files: files.slice(0, SHOWN).map((one) => ({ ...one })),
      };
    },
  };
}
