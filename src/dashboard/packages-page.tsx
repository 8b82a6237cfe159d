/**
 * Searches packages, and the files that they list; before a search it shows the packages that are asked for most.
 */
import { useEffect, useRef, useState } from "preact/hooks";
import type { TopResponse } from "../api/file-schemas.ts";
import type { PackagesResponse } from "../api/package-schemas.ts";
import { apiPath } from "./api.ts";
import { ErrorMessage, FileLink, PackageLink, Panel, Placeholder, StatusIcon } from "./components.tsx";
import { formatBytes, plural } from "./format.ts";
import { usePolled } from "./hooks.ts";
import type { PageProps } from "./page-props.ts";
import { packageSearchHash } from "./route.ts";

const POLL_MS = 30_000;
const MAX_SHOWN = 50;
/** Delay between the last keystroke and the search. */
const SEARCH_DELAY_MS = 250;

function SearchField({ search }: { readonly search: string }) {
  const [text, setText] = useState(search);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => setText(search), [search]);
  // Whoever has gone to another page meanwhile does not come back for the search.
  useEffect(() => () => clearTimeout(timer.current), []);
  const go = (given: string) => {
    clearTimeout(timer.current);
    // Refining a search adds no history entries: one step back leaves it.
    location.replace(packageSearchHash(given.trim()));
  };
  return (
    <form
      class="fetch"
      onSubmit={(event) => {
        event.preventDefault();
        go(text);
      }}
    >
      <input
        type="search"
        aria-label="Search packages"
        placeholder="www-client/firefox"
        value={text}
        onInput={(event) => {
          const given = event.currentTarget.value;
          setText(given);
          clearTimeout(timer.current);
          timer.current = setTimeout(() => go(given), SEARCH_DELAY_MS);
        }}
      />
    </form>
  );
}

function MostRequested() {
  const { data, error } = usePolled<TopResponse>(apiPath("top", { limit: MAX_SHOWN }), POLL_MS);
  return (
    <>
      <h3 class="section">Most requested</h3>
      <ErrorMessage text={error} />
      {data && data.packages.length === 0 ? <Placeholder>No requests recorded yet.</Placeholder> : null}
      <ul class="plain rows">
        {data?.packages.map(({ package: name, repository, files, uses, bytes }) => (
          <li key={`${repository} ${name}`}>
            <PackageLink name={name} />
            <span class="value">{plural(uses, "request")}</span>
            <span class="small">
              {plural(files, "stored file")}, {formatBytes(bytes)}, {repository}
            </span>
          </li>
        ))}
      </ul>
    </>
  );
}

/** Files by a part of their names, stored or not. */
export function FoundFiles({ files }: { readonly files: PackagesResponse["files"] }) {
  return (
    <ul class="plain rows">
      {files.map(({ name, size, stored, package: packageName }) => (
        <li key={name}>
          <span class="file">
            <StatusIcon tone={stored ? "good" : "idle"} />
            <FileLink name={name} />
          </span>
          <span class="value">{formatBytes(size)}</span>
          <span class="small">
            {stored ? "stored" : "not stored"}, <PackageLink name={packageName} />
          </span>
        </li>
      ))}
    </ul>
  );
}

function Found({ search }: { readonly search: string }) {
  const { data, error } = usePolled<PackagesResponse>(apiPath("packages", { search, limit: MAX_SHOWN }), POLL_MS);
  if (!data) return error === undefined ? <Placeholder>…</Placeholder> : <ErrorMessage text={error} />;
  return (
    <>
      <h3 class="section">Packages</h3>
      {data.packages.length === 0 ? <Placeholder>No package of that name is in the repositories.</Placeholder> : null}
      <ul class="plain rows">
        {data.packages.map(({ package: name, repository, files }) => (
          <li key={`${repository} ${name}`}>
            <PackageLink name={name} />
            <span class="value">{plural(files, "file")}</span>
            <span class="small">{repository}</span>
          </li>
        ))}
      </ul>
      <h3 class="section">Files</h3>
      {data.files.length === 0 ? <Placeholder>No file of that name is in a Manifest.</Placeholder> : null}
      <FoundFiles files={data.files} />
      {Math.max(data.packages.length, data.files.length) < MAX_SHOWN ? null : (
        <p class="small">The first {MAX_SHOWN} of each are shown.</p>
      )}
    </>
  );
}

export function PackagesPage({ query }: PageProps) {
  const search = query.get("q") ?? "";
  return (
    <Panel id="packages" title={search === "" ? "Packages" : `Packages matching “${search}”`}>
      <SearchField search={search} />
      {search === "" ? <MostRequested /> : <Found search={search} />}
    </Panel>
  );
}
