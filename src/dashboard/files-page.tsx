/**
 * Lists the stored files with search, sorting and paging.
 */
import { useEffect, useState } from "preact/hooks";
import type { FilesResponse } from "../api/file-schemas.ts";
import type { PackagesResponse } from "../api/package-schemas.ts";
import { apiPath } from "./api.ts";
import { ErrorMessage, FileLink, Panel, Placeholder } from "./components.tsx";
import { formatAgo, formatBytes, formatCount, plural } from "./format.ts";
import { useNow, usePolled } from "./hooks.ts";
import { verificationLabel } from "./labels.ts";
import { FoundFiles } from "./packages-page.tsx";
import type { PageProps } from "./page-props.ts";
import { fileHash } from "./route.ts";

const POLL_MS = 15_000;
const PER_PAGE = 50;

const COLUMNS = [
  ["name", "Name", "asc"],
  ["size", "Size", "desc"],
  ["uses", "Requests", "desc"],
  ["used_at", "Last used", "desc"],
  ["stored_at", "Stored", "desc"],
] as const;

type Column = (typeof COLUMNS)[number][0];
type Order = "asc" | "desc";

interface Sorting {
  readonly sort: Column;
  readonly order: Order;
}

interface SortingProps {
  readonly sorting: Sorting;
  readonly onSort: (sorting: Sorting) => void;
}

function TableHead({ sorting, onSort }: SortingProps) {
  const opposite = sorting.order === "asc" ? "desc" : "asc";
  return (
    <thead>
      <tr>
        {COLUMNS.map(([sort, title, first]) => {
          const sorted = sorting.sort === sort;
          const state = sorting.order === "asc" ? "ascending" : "descending";
          return (
            <th key={sort} scope="col" {...(sorted ? { "aria-sort": state } : {})}>
              <button type="button" onClick={() => onSort({ sort, order: sorted ? opposite : first })}>
                {title}
                <span aria-hidden="true">{sorted ? (sorting.order === "asc" ? " ↑" : " ↓") : ""}</span>
              </button>
            </th>
          );
        })}
      </tr>
    </thead>
  );
}

/** Replaces the table head on narrow screens. */
function SortSelect({ sorting, onSort }: SortingProps) {
  return (
    <label class="sort">
      Sort by{" "}
      <select
        value={sorting.sort}
        onChange={(event) => {
          const column = COLUMNS.find(([sort]) => sort === event.currentTarget.value);
          if (column) onSort({ sort: column[0], order: column[2] });
        }}
      >
        {COLUMNS.map(([sort, title]) => (
          <option key={sort} value={sort}>
            {title}
          </option>
        ))}
      </select>
    </label>
  );
}

function Rows({ files }: { readonly files: FilesResponse["files"] }) {
  const now = useNow();
  return (
    <tbody>
      {files.map(({ name, size, uses, used_at, stored_at, verification }) => (
        <tr key={name}>
          <th scope="row">
            <FileLink name={name} />
            {verification === "verified" ? null : <span class="small">{verificationLabel(verification)[1]}</span>}
          </th>
          <td data-label="Size">{formatBytes(size)}</td>
          <td data-label="Requests">{formatCount(uses)}</td>
          <td data-label="Last used">{formatAgo(used_at, now)}</td>
          <td data-label="Stored">{formatAgo(stored_at, now)}</td>
        </tr>
      ))}
    </tbody>
  );
}

interface PaginationProps {
  readonly page: number;
  readonly pages: number;
  readonly onPage: (page: number) => void;
}

function Pagination({ page, pages, onPage }: PaginationProps) {
  if (pages <= 1) return null;
  return (
    <nav class="pagination" aria-label="Pages">
      <button type="button" disabled={page <= 1} onClick={() => onPage(page - 1)}>
        Previous
      </button>
      <span>
        Page {formatCount(page)} of {formatCount(pages)}
      </span>
      <button type="button" disabled={page >= pages} onClick={() => onPage(page + 1)}>
        Next
      </button>
    </nav>
  );
}

/** Offers the details of a file that is not stored, because the search may be its whole name. */
function NoMatch({ search }: { readonly search: string }) {
  if (search === "") return <Placeholder>No files stored yet.</Placeholder>;
  return (
    <Placeholder>
      No stored file matches “{search}”. <a href={fileHash(search)}>Show details</a> of a file with exactly this name.
    </Placeholder>
  );
}

/** Shows the files of a search that packages list and that are not stored. */
function NotStored({ search }: { readonly search: string }) {
  const { data } = usePolled<PackagesResponse>(apiPath("packages", { search, limit: PER_PAGE }), POLL_MS);
  const files = data?.files.filter(({ stored }) => !stored) ?? [];
  if (files.length === 0) return null;
  return (
    <Panel id="not-stored" title="Not stored">
      <FoundFiles files={files} />
    </Panel>
  );
}

export function FilesPage({ query }: PageProps) {
  const search = query.get("q") ?? "";
  const [sorting, setSorting] = useState<Sorting>({ sort: "used_at", order: "desc" });
  const [page, setPage] = useState(1);
  useEffect(() => setPage(1), [search, sorting]);
  const path = apiPath("files", { q: search, ...sorting, page, per_page: PER_PAGE });
  const { data, error } = usePolled<FilesResponse>(path, POLL_MS);
  const totals = data ? `${plural(data.total, "file")}, ${formatBytes(data.total_bytes)}` : "…";
  const title = search === "" ? "Files" : `Files matching “${search}”`;
  return (
    <div class="column">
      <Panel id="files" title={title} aside={<span role="status">{totals}</span>}>
        <ErrorMessage text={error} />
        {data?.total === 0 ? <NoMatch search={search} /> : null}
        {data && data.total > 0 ? (
          <>
            <SortSelect sorting={sorting} onSort={setSorting} />
            <table class="stacking wide">
              <TableHead sorting={sorting} onSort={setSorting} />
              <Rows files={data.files} />
            </table>
            <Pagination page={page} pages={Math.ceil(data.total / PER_PAGE)} onPage={setPage} />
          </>
        ) : null}
      </Panel>
      {search === "" ? null : <NotStored search={search} />}
    </div>
  );
}
