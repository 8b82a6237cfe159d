/**
 * Declares what every page is given: its part of the address, and what the server sends while the dashboard is open.
 */
import type { DownloadsResponse, MirrorsResponse, Status } from "../api/schemas.ts";
import type { Route } from "./route.ts";

/** Undefined before it came. */
export interface LiveData {
  readonly status: Status | undefined;
  readonly downloads: DownloadsResponse | undefined;
  readonly mirrors: MirrorsResponse | undefined;
  /** Id of the latest request of a client. */
  readonly latestRequest: string | undefined;
}

export interface PageProps extends LiveData, Pick<Route, "item" | "query"> {}
