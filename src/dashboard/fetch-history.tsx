/**
 * Shows the downloads of a file since the server started: which sources were asked, and what came of it.
 */
import type { FileDetails } from "../api/file-schemas.ts";
import { Breakable, Placeholder, StatusIcon } from "./components.tsx";
import { formatAgo, formatBytes, formatCount, formatMilliseconds, formatSpeed } from "./format.ts";
import { groupDownloads, type SourceSummary } from "./group-downloads.ts";
import { useNow } from "./hooks.ts";
import { downloadLabel, upstreamLabel } from "./labels.ts";

function SourceRow({
  source: { source, outcome, times, bytes, durationMs, firstByteMs },
}: {
  readonly source: SourceSummary;
}) {
  const [tone, text] = upstreamLabel(outcome);
  const speed = bytes > 0 && durationMs > 0 ? `, ${formatSpeed((bytes * 1000) / durationMs)}` : "";
  return (
    <li>
      <span class="file">
        <StatusIcon tone={tone} />
        <Breakable text={source} />
      </span>
      <span class={`value ${tone === "bad" ? "bad" : ""}`}>{times > 1 ? `${text}, ${formatCount(times)}×` : text}</span>
      <span class="small">
        {firstByteMs === null ? "" : `first byte after ${formatMilliseconds(firstByteMs)}, `}
        {bytes === 0 ? "" : `${formatBytes(bytes)} in `}
        {`${formatMilliseconds(durationMs)}${speed}`}
      </span>
    </li>
  );
}

export function FetchHistory({ history }: { readonly history: FileDetails["fetch_history"] }) {
  const now = useNow();
  if (history.length === 0) return <Placeholder>No downloads since the server started.</Placeholder>;
  return (
    <ol class="plain">
      {groupDownloads(history).map(({ startedAt, outcome, times, sources }) => (
        <li key={startedAt}>
          <h3>
            {formatAgo(startedAt, now)}: {downloadLabel(outcome)}
            {times > 1 ? `, as ${formatCount(times - 1)}× before` : ""}
          </h3>
          <ul class="plain rows">
            {sources.map((source) => (
              <SourceRow key={`${source.outcome} ${source.source}`} source={source} />
            ))}
          </ul>
        </li>
      ))}
    </ol>
  );
}
