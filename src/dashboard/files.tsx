/**
 * The stored files: searched, sorted, page by page. A name that is not among them leads to its story all the same.
 */
import { useEffect, useState } from "preact/hooks";
import type { Files } from "../api/file-schemas.ts";
import { apiPath } from "./api.ts";
import { formatAgo, formatBytes, formatCount, plural } from "./format.ts";
import { useNow, usePolled } from "./hooks.ts";
import { FileLink, Nothing, Panel, Refusal } from "./parts.tsx";

const POLL_MS = 15_000;
const PER_PAGE = 50;

const COLUMNS = [
  ["name", "Name", "asc"],
  ["size", "Size", "desc"],
  ["uses", "Asked for", "desc"],
  ["used_at", "Last used", "desc"],
  ["stored_at", "Stored", "desc"],
] as const;

type Column = (typeof COLUMNS)[number][0];
type Order = "asc" | "desc";

interface Sorting {
  readonly sort: Column;
  readonly order: Order;
}

interface HeadProps {
  readonly sorting: Sorting;
  readonly onSort: (sorting: Sorting) => void;
}

function Head({ sorting, onSort }: HeadProps) {
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

/** Where the screen is too narrow for a head of columns. */
function NarrowSort({ sorting, onSort }: HeadProps) {
  return (
    <label class="narrow">
      Sorted by{" "}
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

function Rows({ files }: { readonly files: Files["files"] }) {
  const now = useNow();
  return (
    <tbody>
      {files.map(({ name, size, uses, used_at, stored_at }) => (
        <tr key={name}>
          <th scope="row">
            <FileLink name={name} />
          </th>
          <td data-label="Size">{formatBytes(size)}</td>
          <td data-label="Asked for">{formatCount(uses)}</td>
          <td data-label="Last used">{formatAgo(used_at, now)}</td>
          <td data-label="Stored">{formatAgo(stored_at, now)}</td>
        </tr>
      ))}
    </tbody>
  );
}

interface PagesProps {
  readonly page: number;
  readonly pages: number;
  readonly onPage: (page: number) => void;
}

function Pages({ page, pages, onPage }: PagesProps) {
  if (pages <= 1) return null;
  return (
    <nav class="pages" aria-label="Pages">
      <button type="button" disabled={page <= 1} onClick={() => onPage(page - 1)}>
        Back
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

/** What to do with a search that met no stored file. */
function NoMatch({ search }: { readonly search: string }) {
  if (search === "") return <Nothing>Nothing is stored yet. Files come in when clients ask for them.</Nothing>;
  return (
    <Nothing>
      No stored file has “{search}” in its name. If that is a whole name, see{" "}
      <a href={`#/file/${encodeURIComponent(search)}`}>what is known of it</a>.
    </Nothing>
  );
}

export function FilesView({ search }: { readonly search: string }) {
  const [sorting, setSorting] = useState<Sorting>({ sort: "used_at", order: "desc" });
  const [page, setPage] = useState(1);
  useEffect(() => setPage(1), [search, sorting]);
  const path = apiPath("files", { q: search, ...sorting, page, per_page: PER_PAGE });
  const { data, refusal } = usePolled<Files>(path, POLL_MS);
  const found = data ? `${plural(data.total, "file")}, ${formatBytes(data.total_bytes)}` : "…";
  const title = search === "" ? "Stored files" : `Stored files with “${search}”`;
  return (
    <Panel id="files" title={title} aside={<span role="status">{found}</span>}>
      <Refusal text={refusal} />
      {data?.total === 0 ? <NoMatch search={search} /> : null}
      {data && data.total > 0 ? (
        <>
          <NarrowSort sorting={sorting} onSort={setSorting} />
          <table class="stacking wide">
            <Head sorting={sorting} onSort={setSorting} />
            <Rows files={data.files} />
          </table>
          <Pages page={page} pages={Math.ceil(data.total / PER_PAGE)} onPage={setPage} />
        </>
      ) : null}
    </Panel>
  );
}
