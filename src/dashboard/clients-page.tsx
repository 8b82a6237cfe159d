/**
 * Lists the clients by name with what they asked for and what that saved.
 */
import type { Client, ClientsResponse } from "../api/client-schemas.ts";
import { apiPath } from "./api.ts";
import { ClientLink, ErrorMessage, Panel, Placeholder } from "./components.tsx";
import { formatAgo, formatBytes, formatCount, formatPercent, plural } from "./format.ts";
import { useNow, usePolled } from "./hooks.ts";
import type { PageProps } from "./page-props.ts";

const POLL_MS = 10_000;
const MAX_SHOWN = 500;

function Row({ client, now }: { readonly client: Client; readonly now: number }) {
  const { address, name, requests, hits, bytes, bytes_saved, last_seen } = client;
  return (
    <tr>
      <th scope="row">
        <ClientLink address={address} name={name} />
        {name === null ? null : <span class="small">{address}</span>}
      </th>
      <td data-label="Requests">{formatCount(requests)}</td>
      <td data-label="Hits">{formatPercent(requests === 0 ? null : hits / requests)}</td>
      <td data-label="Received">{formatBytes(bytes)}</td>
      <td data-label="Saved">{formatBytes(bytes_saved)}</td>
      <td data-label="Last seen">{formatAgo(last_seen, now)}</td>
    </tr>
  );
}

function Table({ clients }: Pick<ClientsResponse, "clients">) {
  const now = useNow();
  return (
    <table class="stacking wide">
      <thead>
        <tr>
          {["Client", "Requests", "Hits", "Received", "Saved", "Last seen"].map((title) => (
            <th key={title} scope="col">
              {title}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {clients.map((client) => (
          <Row key={client.address} client={client} now={now} />
        ))}
      </tbody>
    </table>
  );
}

export function ClientsPage(_: PageProps) {
  const { data, error } = usePolled<ClientsResponse>(apiPath("clients", { limit: MAX_SHOWN }), POLL_MS);
  const empty =
    data?.recorded === false ? "Client statistics are off ([server] client_statistics)." : "No clients yet.";
  return (
    <Panel id="clients" title="Clients" aside={data ? plural(data.clients.length, "client") : "…"}>
      <ErrorMessage text={error} />
      {data && data.clients.length > 0 ? <Table clients={data.clients} /> : null}
      {data?.clients.length === 0 ? <Placeholder>{empty}</Placeholder> : null}
    </Panel>
  );
}
