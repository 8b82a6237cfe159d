/**
 * What comes in just now: how far each download is, how fast, from where, and for whom.
 */
import type { DownloadState, Downloads, Status } from "../api/schemas.ts";
import { formatBytes, formatCount, formatDuration, formatSpeed, plural } from "./format.ts";
import { FileLink, Nothing, Panel } from "./parts.tsx";

/** A full page of them is enough to see. */
const SHOWN = 12;

function stateWords({ state, size, bytes, eta_seconds }: DownloadState): string {
  if (state === "waiting") return "waits for its turn";
  if (state === "resolving") return "looks for sources";
  const rest = eta_seconds === null ? "" : `, ${formatDuration(eta_seconds * 1000)} left`;
  return size === null ? `${formatBytes(bytes)}${rest}` : `${formatBytes(bytes)} of ${formatBytes(size)}${rest}`;
}

function readers(clients: number): string {
  return clients === 0 ? "ahead of need" : `for ${plural(clients, "client")}`;
}

/** Where bytes come from now, else who was asked last. */
function sourcesOf({ upstream_requests }: DownloadState): string {
  const active = upstream_requests.filter(({ outcome }) => outcome === null);
  const shown = active.length > 0 ? active : upstream_requests.slice(-1);
  const names = new Set(shown.map(({ source }) => (URL.canParse(source) ? new URL(source).host : source)));
  names.delete("");
  return names.size === 0 ? "" : `from ${[...names].join(", ")}`;
}

function Download({ download }: { readonly download: DownloadState }) {
  const { file, size, bytes, bytes_per_second, clients, state } = download;
  const known = size !== null && size > 0 ? size : undefined;
  return (
    <li class="download">
      <div class="line">
        <FileLink name={file} />
        <span class="speed">{state === "fetching" ? formatSpeed(bytes_per_second) : ""}</span>
      </div>
      <progress aria-label={`${file} so far`} max={known ?? 1} {...(known === undefined ? {} : { value: bytes })} />
      <div class="line small">
        <span>{stateWords(download)}</span>
        <span>{[readers(clients), sourcesOf(download)].filter((words) => words !== "").join(", ")}</span>
      </div>
    </li>
  );
}

interface DownloadsProps {
  readonly downloads: Downloads | undefined;
  readonly readAhead: Status["read_ahead"] | undefined;
}

export function DownloadsPanel({ downloads, readAhead }: DownloadsProps) {
  const list = downloads?.downloads ?? [];
  const total = downloads?.total ?? 0;
  const more = total - SHOWN;
  return (
    <Panel id="downloads" title="Coming in now" aside={total === 0 ? undefined : plural(total, "download")}>
      {list.length === 0 ? (
        <Nothing>Nothing is being fetched. A file that is asked for and not here shows up at once.</Nothing>
      ) : (
        <ul class="plain">
          {list.slice(0, SHOWN).map((download) => (
            <Download key={download.file} download={download} />
          ))}
        </ul>
      )}
      {more > 0 ? <p class="small">and {formatCount(more)} more</p> : null}
      {readAhead?.fetched ? (
        <p class="small ahead">
          {plural(readAhead.fetched, "file")} fetched ahead of need since the start, {formatCount(readAhead.used)} of
          them asked for since.
        </p>
      ) : null}
    </Panel>
  );
}
