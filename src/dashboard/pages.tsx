/**
 * Lists the pages of the dashboard, in the order of the navigation. To add one, import its component and add its line to PAGES.
 */
import type { ComponentType } from "preact";
import { ClientPage } from "./client-page.tsx";
import { ClientsPage } from "./clients-page.tsx";
import { FilePage } from "./file-page.tsx";
import { FilesPage } from "./files-page.tsx";
import { MirrorsPage } from "./mirrors-page.tsx";
import { OverviewPage } from "./overview-page.tsx";
import { PackagePage } from "./package-page.tsx";
import { PackagesPage } from "./packages-page.tsx";
import type { PageProps } from "./page-props.ts";
import { RequestsPage } from "./requests-page.tsx";
import type { Route } from "./route.ts";
import { SetupPage } from "./setup-page.tsx";
import { StorePage } from "./store-page.tsx";

export interface Page {
  /** As in the address: `#/PATH`, `#/PATH/ITEM`. */
  readonly path: string;
  readonly title: string;
  readonly Content: ComponentType<PageProps>;
  /** Path of the page that the navigation marks instead; only for pages about one item, which have no entry of their own. */
  readonly within?: string;
}

const OVERVIEW: Page = { path: "", title: "Overview", Content: OverviewPage };

export const PAGES: readonly Page[] = [
  OVERVIEW,
  { path: "files", title: "Files", Content: FilesPage },
  { path: "file", title: "File", Content: FilePage, within: "files" },
  { path: "packages", title: "Packages", Content: PackagesPage },
  { path: "package", title: "Package", Content: PackagePage, within: "packages" },
  { path: "clients", title: "Clients", Content: ClientsPage },
  { path: "client", title: "Client", Content: ClientPage, within: "clients" },
  { path: "requests", title: "Requests", Content: RequestsPage },
  { path: "mirrors", title: "Mirrors", Content: MirrorsPage },
  { path: "store", title: "Store", Content: StorePage },
  { path: "setup", title: "Setup", Content: SetupPage },
];

/** Returns the page of an address; the overview for one that there is not, typed by hand or of another version. */
export function pageOf({ page, item }: Route): Page {
  const found = PAGES.find(({ path }) => path === page);
  return found === undefined || (found.within !== undefined && item === "") ? OVERVIEW : found;
}
