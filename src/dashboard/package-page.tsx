/**
 * Shows one package: its versions and slots, its files, which of them are stored and why others are not, and who asked for them.
 */
import type { PackageDetails } from "../api/package-schemas.ts";
import type { RequestsResponse } from "../api/request-schemas.ts";
import { apiPath } from "./api.ts";
import { ErrorMessage, FileLink, Panel, Placeholder, StatusIcon } from "./components.tsx";
import { formatAgo, formatBytes, formatCount, formatName, plural } from "./format.ts";
import { useNow, usePolled } from "./hooks.ts";
import type { PageProps } from "./page-props.ts";
import { pageHash } from "./route.ts";

const POLL_MS = 15_000;
const MAX_REQUESTS = 20;

/** @param name `category/name` */
function packagePath(name: string): string {
  return apiPath(`packages/${name.split("/").map(encodeURIComponent).join("/")}`);
}

function Versions({ repository, versions }: PackageDetails["repositories"][number]) {
  return (
    <>
      <h3 class="section">Versions in {repository}</h3>
      {versions.length === 0 ? <Placeholder>No ebuilds.</Placeholder> : null}
      <ul class="plain rows">
        {versions.map(({ version, slot, files, fetch_restricted }) => (
          <li key={version}>
            <span class="file">{formatName(version)}</span>
            <span class="value">{slot === null ? "" : `slot ${slot}`}</span>
            <span class="small">
              {files === null ? "not evaluated yet" : plural(files.length, "file")}
              {fetch_restricted ? ", RESTRICT=fetch" : ""}
            </span>
          </li>
        ))}
      </ul>
    </>
  );
}

function Files({ files, total_files }: Pick<PackageDetails, "files" | "total_files">) {
  const now = useNow();
  const left = total_files - files.length;
  return (
    <>
      <h3 class="section">Files</h3>
      <ul class="plain rows">
        {files.map(({ name, size, stored, stored_at, uses, summary }) => (
          <li key={name}>
            <span class="file">
              <StatusIcon tone={stored ? "good" : "idle"} />
              <FileLink name={name} />
            </span>
            <span class="value">{formatBytes(size)}</span>
            <span class="small">
              {stored_at !== null ? `stored ${formatAgo(stored_at, now)}, ${plural(uses, "request")}` : summary}
            </span>
          </li>
        ))}
      </ul>
      {left > 0 ? <p class="small">and {plural(left, "more file")}.</p> : null}
    </>
  );
}

function Requests({ name }: { readonly name: string }) {
  const now = useNow();
  const { data, error } = usePolled<RequestsResponse>(
    apiPath("requests", { package: name, limit: MAX_REQUESTS }),
    POLL_MS,
  );
  const requests = data?.requests ?? [];
  const none = data?.recorded === false ? "Requests are not recorded." : "No client has asked for its files lately.";
  return (
    <>
      <h3 class="section">Requests</h3>
      <ErrorMessage text={error ?? data?.problem ?? undefined} />
      {data && requests.length === 0 ? <Placeholder>{none}</Placeholder> : null}
      <ul class="plain rows">
        {requests.map(({ id, at, client, file, outcome, bytes }) => (
          <li key={id}>
            <span class="file">{formatName(client)}</span>
            <span class="value">{formatAgo(at, now)}</span>
            <span class="small">
              {formatName(file)}: {outcome}, {formatBytes(bytes)}
            </span>
          </li>
        ))}
      </ul>
    </>
  );
}

function Details({ details }: { readonly details: PackageDetails }) {
  const { repositories, files, total_files, total_bytes } = details;
  const stored = files.filter((file) => file.stored);
  const storedBytes = stored.reduce((sum, { size }) => sum + size, 0);
  return (
    <>
      <p class="summary">
        {formatCount(stored.length)} of {plural(total_files, "file")} stored, {formatBytes(storedBytes)} of{" "}
        {formatBytes(total_bytes)}.
      </p>
      <Files files={files} total_files={total_files} />
      {repositories.map((one) => (
        <Versions key={one.repository} {...one} />
      ))}
    </>
  );
}

export function PackagePage({ item: name }: PageProps) {
  const isName = /^[^/]+\/[^/]+$/.test(name);
  const { data, error } = usePolled<PackageDetails>(isName ? packagePath(name) : undefined, POLL_MS);
  return (
    <div class="file-details">
      <p>
        <a href={pageHash("packages")}>← Packages</a>
      </p>
      <Panel id="package" title={formatName(name)}>
        <ErrorMessage text={isName ? error : "A package is named CATEGORY/NAME."} />
        {data ? <Details details={data} /> : error === undefined && isName ? <Placeholder>…</Placeholder> : null}
        {data ? <Requests name={name} /> : null}
      </Panel>
    </div>
  );
}
