/**
 * Declares what the GET routes of /api/v1 read from the rest of the program.
 */
import type { FileName } from "../distfile/mirror-path.ts";
import type { ActionsResponse } from "./action-schemas.ts";
import type { ClientDetails, ClientsResponse } from "./client-schemas.ts";
import type { FileDetails, FilesResponse, TopResponse } from "./file-schemas.ts";
import type { PackageDetails, PackagesResponse } from "./package-schemas.ts";
import type { FilesQuery, HistoryQuery, PackagesQuery, RequestsQuery } from "./queries.ts";
import type { RequestsResponse } from "./request-schemas.ts";
import type {
  CleanupResponse,
  DownloadsResponse,
  FailuresResponse,
  HistoryResponse,
  MirrorsResponse,
  RepositoriesResponse,
  Status,
} from "./schemas.ts";

export interface ApiState {
  status(): Status;
  downloads(): DownloadsResponse;
  files(query: FilesQuery): Promise<FilesResponse>;
  file(name: FileName): Promise<FileDetails>;
  packages(query: PackagesQuery): Promise<PackagesResponse>;
  /** @returns undefined where no repository has the package */
  package(category: string, name: string): Promise<PackageDetails | undefined>;
  mirrors(): MirrorsResponse;
  repositories(): RepositoriesResponse;
  history(query: HistoryQuery): HistoryResponse;
  requests(query: RequestsQuery): Promise<RequestsResponse>;
  /** Id of the latest request that is kept; null: there was none since the start. */
  latestRequest(): string | null;
  clients(limit: number): ClientsResponse;
  /** @param named an address, or a name */
  client(named: string): Promise<ClientDetails>;
  failures(limit: number): FailuresResponse;
  cleanup(limit: number): CleanupResponse | Promise<CleanupResponse>;
  actions(): ActionsResponse;
  top(limit: number): TopResponse;
}
