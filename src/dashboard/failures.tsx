/**
 * Shows recent failures and their reasons, newest first.
 */
import type { Failure, FailuresResponse } from "../api/schemas.ts";
import { apiPath } from "./api.ts";
import { ErrorMessage, FileLink, Panel, Placeholder, StatusIcon } from "./components.tsx";
import { formatAgo, formatCount } from "./format.ts";
import { useNow, usePolled } from "./hooks.ts";
import { failureLabel, failureTone } from "./labels.ts";

const POLL_MS = 15_000;
const MAX_SHOWN = 8;

export function FailureItem({ failure, linked }: { readonly failure: Failure; readonly linked: boolean }) {
  const now = useNow();
  const { file, kind, count, last_at } = failure;
  return (
    <li class="failure">
      <div class="line">
        <span>
          <StatusIcon tone={failureTone(kind)} />
          <strong>{failureLabel(kind)}</strong>
          {linked ? (
            <>
              {": "}
              <FileLink name={file} />
            </>
          ) : null}
        </span>
        <span class="small">
          {count > 1 ? `${formatCount(count)}×, ` : ""}
          <time dateTime={last_at}>{formatAgo(last_at, now)}</time>
        </span>
      </div>
      <p class={linked ? "reason short" : "reason"}>{failure.reason}</p>
    </li>
  );
}

export function FailuresPanel() {
  const { data, error } = usePolled<FailuresResponse>(apiPath("failures", { limit: MAX_SHOWN }), POLL_MS);
  return (
    <Panel id="failures" title="Recent problems">
      <ErrorMessage text={error} />
      {data?.failures.length ? (
        <ul class="plain">
          {data.failures.map((failure) => (
            <FailureItem key={`${failure.kind} ${failure.file}`} failure={failure} linked />
          ))}
        </ul>
      ) : (
        <Placeholder>{data ? "No problems recorded." : "…"}</Placeholder>
      )}
    </Panel>
  );
}
