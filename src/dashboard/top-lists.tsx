/**
 * Shows the most requested packages and files, the largest and newest files, and the clients with most traffic.
 */
import { useState } from "preact/hooks";
import type { ClientsResponse } from "../api/client-schemas.ts";
import type { TopResponse } from "../api/file-schemas.ts";
import { apiPath } from "./api.ts";
import { ButtonGroup, ErrorMessage, FileLink, PackageLink, Panel, Placeholder } from "./components.tsx";
import { formatAgo, formatBytes, formatPercent, plural } from "./format.ts";
import { useNow, usePolled } from "./hooks.ts";
import { pageHash } from "./route.ts";

const POLL_MS = 30_000;
const MAX_SHOWN = 8;

const LISTS = [
  ["packages", "Packages"],
  ["files", "Files"],
  ["binary_packages", "Binary packages"],
  ["snapshots", "Snapshots"],
  ["largest", "Largest"],
  ["latest", "Newest"],
  ["clients", "Clients"],
] as const;

type ListName = (typeof LISTS)[number][0];

const EMPTY: Readonly<Record<ListName, string>> = {
  packages: "No requests recorded yet.",
  files: "No requests recorded yet.",
  binary_packages: "No binary package stored yet.",
  snapshots: "No snapshot stored yet.",
  largest: "No files stored yet.",
  latest: "No files stored yet.",
  clients: "No clients yet.",
};

interface RowProps {
  readonly file?: string;
  /** `category/name` */
  readonly package?: string;
  readonly text?: string;
  readonly href?: string;
  readonly value: string;
  readonly detail: string;
}

function Name({ file, package: packageName, text, href }: Omit<RowProps, "value" | "detail">) {
  if (file !== undefined) return <FileLink name={file} />;
  if (packageName !== undefined) return <PackageLink name={packageName} />;
  if (href === undefined) return <span class="file">{text}</span>;
  return (
    <a class="file" href={href}>
      {text}
    </a>
  );
}

function Row({ value, detail, ...name }: RowProps) {
  return (
    <li>
      <Name {...name} />
      <span class="value">{value}</span>
      <span class="small">{detail}</span>
    </li>
  );
}

const requests = (uses: number) => plural(uses, "request");

function fileRows(list: Exclude<ListName, "clients">, top: TopResponse, now: number): RowProps[] {
  switch (list) {
    case "packages":
      return top.packages.map(({ package: name, repository, files, uses, bytes }) => ({
        package: name,
        value: requests(uses),
        detail: `${plural(files, "file")}, ${formatBytes(bytes)}, ${repository}`,
      }));
    case "files":
    case "binary_packages":
    case "snapshots":
      return top[list].map(({ name, size, uses }) => ({
        file: name,
        value: requests(uses),
        detail: formatBytes(size),
      }));
    case "largest":
      return top.largest.map(({ name, size, uses }) => ({
        file: name,
        value: formatBytes(size),
        detail: requests(uses),
      }));
    default:
      return top.latest.map(({ name, size, stored_at }) => ({
        file: name,
        value: formatBytes(size),
        detail: formatAgo(stored_at, now),
      }));
  }
}

function clientRows({ clients }: ClientsResponse, now: number): RowProps[] {
  return clients.map(({ address, name, bytes, requests: total, hits, last_seen }) => ({
    text: name ?? address,
    href: pageHash("client", address),
    value: formatBytes(bytes),
    detail: `${requests(total)}, ${formatPercent(total === 0 ? null : hits / total)} hits, ${formatAgo(last_seen, now)}`,
  }));
}

export function TopListsPanel() {
  const now = useNow();
  const [list, setList] = useState<ListName>("packages");
  const byClient = list === "clients";
  const top = usePolled<TopResponse>(byClient ? undefined : apiPath("top", { limit: MAX_SHOWN }), POLL_MS);
  const clients = usePolled<ClientsResponse>(byClient ? apiPath("clients", { limit: MAX_SHOWN }) : undefined, POLL_MS);
  const rows =
    list === "clients" ? clients.data && clientRows(clients.data, now) : top.data && fileRows(list, top.data, now);
  const off = byClient && clients.data?.recorded === false;
  return (
    <Panel id="top-lists" title="Top lists">
      <ButtonGroup label="List" options={LISTS} value={list} onSelect={setList} />
      <ErrorMessage text={byClient ? clients.error : top.error} />
      {rows && rows.length > 0 ? (
        <ul class="plain rows">
          {rows.slice(0, MAX_SHOWN).map((row) => (
            <Row key={row.file ?? row.href ?? row.text ?? `${row.package} ${row.detail}`} {...row} />
          ))}
        </ul>
      ) : (
        <Placeholder>
          {off ? "Client statistics are off ([server] client_statistics)." : rows ? EMPTY[list] : "…"}
        </Placeholder>
      )}
    </Panel>
  );
}
