/**
 * Shows recent failures, the worst first: how the sources failed, and what to do about it. They can be dismissed.
 */
import { useState } from "preact/hooks";
import type { Failure, FailuresResponse } from "../api/schemas.ts";
import { apiPath } from "./api.ts";
import { Breakable, ErrorMessage, FileLink, Panel, Placeholder, StatusIcon } from "./components.tsx";
import { bySeverity, failureAdvice, failureLabel, failureTone, sourcesText } from "./failure-labels.ts";
import { formatAgo, formatCount } from "./format.ts";
import { useNow, usePolled } from "./hooks.ts";
import { ActionButton } from "./maintenance.tsx";

const POLL_MS = 15_000;
/** How many are looked through for the worst. */
const MAX_READ = 100;
const MAX_SHOWN = 5;

/** The sentence about the sources, else the reason itself where none was asked. */
function shortReason(failure: Failure): string {
  return sourcesText(failure) || failure.reason;
}

/** Every line that the client was sent, unless one says it all. */
function AllSources({ failure }: { readonly failure: Failure }) {
  if (shortReason(failure) === failure.reason) return null;
  return (
    <details>
      <summary>Details</summary>
      <p class="reason">{failure.reason}</p>
    </details>
  );
}

export function FailureItem({ failure, linked }: { readonly failure: Failure; readonly linked: boolean }) {
  const now = useNow();
  const { file, count, last_at } = failure;
  const tone = failureTone(failure);
  return (
    <li class={`failure ${tone}`}>
      <div class="line">
        <span>
          <StatusIcon tone={tone} />
          <strong>{failureLabel(failure)}</strong>
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
      <p class="reason">
        <Breakable text={shortReason(failure)} />
      </p>
      <p class="reason">{failureAdvice(failure)}</p>
      <div class="line">
        <AllSources failure={failure} />
        <ActionButton request={{ title: "Dismiss", name: "dismiss", body: { files: [file] } }} subject={file} />
      </div>
    </li>
  );
}

function FailureList({ failures }: { readonly failures: readonly Failure[] }) {
  const [all, setAll] = useState(false);
  const shown = all ? failures : failures.slice(0, MAX_SHOWN);
  const hidden = failures.length - shown.length;
  return (
    <>
      <ul class="plain">
        {shown.map((failure) => (
          <FailureItem key={`${failure.kind} ${failure.file}`} failure={failure} linked />
        ))}
      </ul>
      {hidden > 0 ? (
        <div class="buttons">
          <button type="button" onClick={() => setAll(true)}>
            Show {formatCount(hidden)} more
          </button>
        </div>
      ) : null}
    </>
  );
}

export function FailuresPanel() {
  const { data, error } = usePolled<FailuresResponse>(apiPath("failures", { limit: MAX_READ }), POLL_MS);
  const failures = data ? bySeverity(data.failures) : [];
  const urgent = failures[0] !== undefined && failureTone(failures[0]) === "bad";
  return (
    <Panel
      id="failures"
      title="Recent problems"
      urgent={urgent}
      aside={
        failures.length > 1 ? (
          <ActionButton request={{ title: "Dismiss all", name: "dismiss", body: {} }} subject="problems" />
        ) : undefined
      }
    >
      <ErrorMessage text={error} />
      {failures.length > 0 ? (
        <FailureList failures={failures} />
      ) : (
        <Placeholder>{data ? "No problems recorded." : "…"}</Placeholder>
      )}
    </Panel>
  );
}
