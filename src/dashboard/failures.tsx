/**
 * What went wrong lately, in plain words, the latest first.
 */
import type { Failure, Failures } from "../api/schemas.ts";
import { apiPath } from "./api.ts";
import { formatAgo, formatCount } from "./format.ts";
import { useNow, usePolled } from "./hooks.ts";
import { FileLink, Nothing, Panel, Refusal, Sign } from "./parts.tsx";
import { failureReason, failureTone, failureWords } from "./words.ts";

const POLL_MS = 15_000;
const SHOWN = 8;

export function FailureItem({ failure, linked }: { readonly failure: Failure; readonly linked: boolean }) {
  const now = useNow();
  const { file, kind, count, last_at } = failure;
  return (
    <li class="failure">
      <div class="line">
        <span>
          <Sign tone={failureTone(kind)} />
          <strong>{failureWords(kind)}</strong>
          {linked ? (
            <>
              {": "}
              <FileLink name={file} />
            </>
          ) : null}
        </span>
        <span class="small">
          {count > 1 ? `${formatCount(count)} times, ` : ""}
          <time dateTime={last_at}>{formatAgo(last_at, now)}</time>
        </span>
      </div>
      <p class={linked ? "reason short" : "reason"}>{failureReason(failure)}</p>
    </li>
  );
}

export function FailuresPanel() {
  const { data, refusal } = usePolled<Failures>(apiPath("failures", { limit: SHOWN }), POLL_MS);
  return (
    <Panel id="failures" title="What went wrong">
      <Refusal text={refusal} />
      {data?.failures.length ? (
        <ul class="plain">
          {data.failures.map((failure) => (
            <FailureItem key={`${failure.kind} ${failure.file}`} failure={failure} linked />
          ))}
        </ul>
      ) : (
        <Nothing>{data ? "Nothing, as far as is remembered." : "…"}</Nothing>
      )}
    </Panel>
  );
}
