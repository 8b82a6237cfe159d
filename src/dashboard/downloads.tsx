/**
 * Shows active downloads with their progress, speed, clients and sources.
 */
import type { DownloadState, DownloadsResponse, Status } from "../api/schemas.ts";
import { FileLink, Panel, Placeholder } from "./components.tsx";
import { formatBytes, formatCount, formatDuration, formatSpeed, plural } from "./format.ts";

const MAX_SHOWN = 12;

function stateText({ state, size, bytes, eta_seconds }: DownloadState): string {
  if (state === "waiting") return "waiting for a download slot";
  if (state === "resolving") return "looking up sources";
  const rest = eta_seconds === null ? "" : `, ${formatDuration(eta_seconds * 1000)} left`;
  return size === null ? `${formatBytes(bytes)}${rest}` : `${formatBytes(bytes)} of ${formatBytes(size)}${rest}`;
}

function clientsText(clients: number): string {
  return clients === 0 ? "no clients" : plural(clients, "client");
}

/** Names the sources in use, else the one used last. */
function sourcesOf({ upstream_requests }: DownloadState): string {
  const active = upstream_requests.filter(({ outcome }) => outcome === null);
  const shown = active.length > 0 ? active : upstream_requests.slice(-1);
  const names = new Set(shown.map(({ source }) => (URL.canParse(source) ? new URL(source).host : source)));
  names.delete("");
  return names.size === 0 ? "" : `from ${[...names].join(", ")}`;
}

/** How far a download is, how fast, how long it will take, for whom and from where. */
export function DownloadProgress({ download }: { readonly download: DownloadState }) {
  const { file, size, bytes, bytes_per_second, clients, state } = download;
  const known = size !== null && size > 0 ? size : undefined;
  const speed = state === "fetching" ? `${formatSpeed(bytes_per_second)}, ` : "";
  return (
    <>
      <progress
        aria-label={`Progress of ${file}`}
        max={known ?? 1}
        {...(known === undefined ? {} : { value: bytes })}
      />
      <div class="line small">
        <span>
          {speed}
          {stateText(download)}
        </span>
        <span>{[clientsText(clients), sourcesOf(download)].filter((text) => text !== "").join(", ")}</span>
      </div>
    </>
  );
}

function Download({ download }: { readonly download: DownloadState }) {
  return (
    <li class="download">
      <FileLink name={download.file} />
      <DownloadProgress download={download} />
    </li>
  );
}

function MaxRate({ maxRate }: { readonly maxRate: Status["max_rate"] }) {
  const { bytes_per_second, hours, in_force } = maxRate;
  if (bytes_per_second === null) return null;
  const when = hours === null ? "" : in_force ? `, ${hours}` : `, ${hours}, not now`;
  return (
    <p class="small footnote">
      All downloads together: at most {formatSpeed(bytes_per_second)}
      {when}.
    </p>
  );
}

interface DownloadsProps {
  readonly downloads: DownloadsResponse | undefined;
  readonly maxRate: Status["max_rate"] | undefined;
  readonly readAhead: Status["read_ahead"] | undefined;
}

export function DownloadsPanel({ downloads, maxRate, readAhead }: DownloadsProps) {
  const list = downloads?.downloads ?? [];
  const total = downloads?.total ?? 0;
  const more = total - MAX_SHOWN;
  return (
    <Panel id="downloads" title="Active downloads" aside={total === 0 ? undefined : plural(total, "download")}>
      {list.length === 0 ? (
        <Placeholder>No active downloads.</Placeholder>
      ) : (
        <ul class="plain">
          {list.slice(0, MAX_SHOWN).map((download) => (
            <Download key={download.file} download={download} />
          ))}
        </ul>
      )}
      {more > 0 ? <p class="small">and {formatCount(more)} more</p> : null}
      {maxRate ? <MaxRate maxRate={maxRate} /> : null}
      {readAhead?.fetched ? (
        <p class="small footnote">
          Read-ahead since start: {plural(readAhead.fetched, "file")} fetched, {formatCount(readAhead.used)} requested.
        </p>
      ) : null}
    </Panel>
  );
}
