/**
 * Shows one client: its counts, and the packages and files that it asked for.
 */
import type { Client, ClientDetails } from "../api/client-schemas.ts";
import { clientPath } from "./api.ts";
import { ErrorMessage, FileLink, Panel, Placeholder } from "./components.tsx";
import { formatAgo, formatBytes, formatCount, formatName, formatPercent, plural } from "./format.ts";
import { useNow, usePolled } from "./hooks.ts";
import type { PageProps } from "./page-props.ts";
import { pageHash, requestsHash } from "./route.ts";

const POLL_MS = 10_000;

function Counts({ client }: { readonly client: Client }) {
  const now = useNow();
  const { address, requests, hits, bytes, bytes_saved, first_seen, last_seen } = client;
  return (
    <dl class="properties">
      <dt>Address</dt>
      <dd>
        <code>{address}</code>
      </dd>
      <dt>Requests</dt>
      <dd>
        {formatCount(requests)}, {formatPercent(requests === 0 ? null : hits / requests)} hits
      </dd>
      <dt>Received</dt>
      <dd>
        {formatBytes(bytes)}, of these {formatBytes(bytes_saved)} without another download
      </dd>
      <dt>Last seen</dt>
      <dd>{formatAgo(last_seen, now)}</dd>
      <dt>First seen</dt>
      <dd>{formatAgo(first_seen, now)}</dd>
    </dl>
  );
}

function Packages({ address, packages }: Pick<ClientDetails, "address" | "packages">) {
  if (packages.length === 0) return <Placeholder>No package in its latest requests.</Placeholder>;
  return (
    <ul class="plain rows">
      {packages.map(({ package: name, requests, bytes }) => (
        <li key={name}>
          <a class="file" href={requestsHash({ client: address, package: name })}>
            {formatName(name)}
          </a>
          <span class="value">{plural(requests, "request")}</span>
          <span class="small">{formatBytes(bytes)}</span>
        </li>
      ))}
    </ul>
  );
}

function Files({ files }: Pick<ClientDetails, "files">) {
  if (files.length === 0) return <Placeholder>No file in its latest requests.</Placeholder>;
  return (
    <ul class="plain rows">
      {files.map(({ file, requests, bytes }) => (
        <li key={file}>
          <FileLink name={file} />
          <span class="value">{plural(requests, "request")}</span>
          <span class="small">{formatBytes(bytes)}</span>
        </li>
      ))}
    </ul>
  );
}

function Details({ details }: { readonly details: ClientDetails }) {
  const { recorded, address, client, packages, files } = details;
  if (!recorded) return <Placeholder>Client statistics are off ([server] client_statistics).</Placeholder>;
  return (
    <>
      {client === null ? (
        <Placeholder>No client with this name or address was seen.</Placeholder>
      ) : (
        <Counts client={client} />
      )}
      <p>
        <a href={requestsHash({ client: address })}>Its requests</a>
      </p>
      <h3 class="section">Packages</h3>
      <Packages address={address} packages={packages} />
      <h3 class="section">Files</h3>
      <Files files={files} />
    </>
  );
}

export function ClientPage({ item }: PageProps) {
  const { data, error } = usePolled<ClientDetails>(clientPath(item), POLL_MS);
  return (
    <div class="file-details">
      <p>
        <a href={pageHash("clients")}>← Clients</a>
      </p>
      <Panel id="client" title={data?.name ?? formatName(item)}>
        <ErrorMessage text={error} />
        {data ? <Details details={data} /> : error === undefined ? <Placeholder>…</Placeholder> : null}
      </Panel>
    </div>
  );
}
