/**
 * Shows how full the store is and what the next clean-up would remove.
 */
import type { CleanupResponse, Status } from "../api/schemas.ts";
import { apiPath } from "./api.ts";
import { ErrorMessage, FileLink, Panel, Placeholder } from "./components.tsx";
import { formatBytes, formatCount, plural } from "./format.ts";
import { usePolled } from "./hooks.ts";
import { cleanupLabel, storeLabel } from "./labels.ts";

const POLL_MS = 60_000;
const MAX_SHOWN = 5;
/** Free inodes are shown when fewer than this many times what is to be left free. */
const INODES_SHOWN = 2;

function Inodes({ store }: Pick<Status, "store">) {
  const { free_inodes, min_free_inodes } = store;
  if (free_inodes === null || free_inodes >= INODES_SHOWN * min_free_inodes) return null;
  return (
    <p class="small">
      {plural(free_inodes, "inode")} free on the file system (minimum {formatCount(min_free_inodes)}).
    </p>
  );
}

function Usage({ status }: { readonly status: Status }) {
  const { bytes, max_bytes, free_bytes, min_free_bytes, location } = status.store;
  const limit = max_bytes ?? bytes + free_bytes;
  const minimum = min_free_bytes > 0 ? ` (minimum ${formatBytes(min_free_bytes)})` : "";
  return (
    <>
      <meter
        aria-label="Store usage"
        max={Math.max(1, limit)}
        // Clean-up keeps the store between 90 and 100 percent: that is no reason for a warning colour.
        high={limit * 1.001}
        value={Math.min(bytes, limit)}
      />
      <p class="small">
        {max_bytes === null ? "No size limit. " : null}
        {formatBytes(free_bytes)} free on the file system{minimum}.
      </p>
      <Inodes store={status.store} />
      <p class="small">
        Location: <code>{location}</code>
      </p>
    </>
  );
}

function NextCleanup({ cleanup }: { readonly cleanup: CleanupResponse }) {
  if (cleanup.files === 0) return <p class="small">Nothing to clean up.</p>;
  return (
    <>
      <h3>
        Next clean-up: {plural(cleanup.files, "file")}, {formatBytes(cleanup.bytes)}
      </h3>
      <ul class="plain rows">
        {cleanup.next.slice(0, MAX_SHOWN).map(({ name, size, reason }) => (
          <li key={name}>
            <FileLink name={name} />
            <span class="value">{formatBytes(size)}</span>
            <span class="small">{cleanupLabel(reason)}</span>
          </li>
        ))}
      </ul>
    </>
  );
}

export function StorePanel({ status }: { readonly status: Status | undefined }) {
  const { data, error } = usePolled<CleanupResponse>(apiPath("cleanup", { limit: MAX_SHOWN }), POLL_MS);
  return (
    <Panel id="store" title="Store" aside={status ? storeLabel(status) : undefined}>
      {status ? <Usage status={status} /> : <Placeholder>…</Placeholder>}
      <ErrorMessage text={error} />
      {data ? <NextCleanup cleanup={data} /> : null}
      <p class="small">
        <a href="#/files">All files</a>
      </p>
    </Panel>
  );
}
