/**
 * Declares what the GET routes of /api/v1 read from the rest of the program.
 */
import type { FileName } from "../distfile/mirror-path.ts";
import type { FileDetails, Files, Top } from "./file-schemas.ts";
import type { FilesQuery, HistoryQuery } from "./queries.ts";
import type { Cleanup, Clients, Downloads, Failures, History, Mirrors, Repositories, Status } from "./schemas.ts";

export interface ApiState {
  status(): Status;
  downloads(): Downloads;
  files(query: FilesQuery): Files;
  file(name: FileName): FileDetails;
  mirrors(): Mirrors;
  repositories(): Repositories;
  history(query: HistoryQuery): History;
  clients(limit: number): Clients;
  failures(limit: number): Failures;
  cleanup(limit: number): Cleanup | Promise<Cleanup>;
  top(limit: number): Top;
}
