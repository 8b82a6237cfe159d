/**
 * How full the store is, and what clean-up would take next.
 */
import type { Cleanup, Status } from "../api/schemas.ts";
import { apiPath } from "./api.ts";
import { formatBytes, plural } from "./format.ts";
import { usePolled } from "./hooks.ts";
import { FileLink, Nothing, Panel, Refusal } from "./parts.tsx";
import { cleanupWords, storeWords } from "./words.ts";

const POLL_MS = 60_000;
const SHOWN = 5;

function Fill({ status }: { readonly status: Status }) {
  const { bytes, max_bytes, free_bytes, min_free_bytes, location } = status.store;
  const limit = max_bytes ?? bytes + free_bytes;
  const least = min_free_bytes > 0 ? `, ${formatBytes(min_free_bytes)} are to stay free` : "";
  return (
    <>
      <meter
        aria-label="Store"
        max={Math.max(1, limit)}
        // Clean-up keeps it between nine tenths and full: that is as it should be.
        high={limit * 1.001}
        value={Math.min(bytes, limit)}
      />
      <p class="small">
        {max_bytes === null ? "No limit is set. " : null}
        {formatBytes(free_bytes)} free on the file system{least}. It lies at <code>{location}</code>.
      </p>
    </>
  );
}

function Next({ cleanup }: { readonly cleanup: Cleanup }) {
  if (cleanup.files === 0) return <p class="small">Clean-up would take nothing now.</p>;
  return (
    <>
      <h3>
        Clean-up would take {plural(cleanup.files, "file")}, {formatBytes(cleanup.bytes)}
      </h3>
      <ul class="plain rows">
        {cleanup.next.slice(0, SHOWN).map(({ name, size, reason }) => (
          <li key={name}>
            <FileLink name={name} />
            <span class="figure">{formatBytes(size)}</span>
            <span class="small">{cleanupWords(reason)}</span>
          </li>
        ))}
      </ul>
    </>
  );
}

export function StorePanel({ status }: { readonly status: Status | undefined }) {
  const { data, refusal } = usePolled<Cleanup>(apiPath("cleanup", { limit: SHOWN }), POLL_MS);
  return (
    <Panel id="store" title="Store" aside={status ? storeWords(status) : undefined}>
      {status ? <Fill status={status} /> : <Nothing>…</Nothing>}
      <Refusal text={refusal} />
      {data ? <Next cleanup={data} /> : null}
      <p class="small">
        <a href="#/files">All stored files</a>
      </p>
    </Panel>
  );
}
