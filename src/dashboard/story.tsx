/**
 * The whole story of one file: why it is or is not here, who wants it, which sources were asked, what they said and how
 * long that took.
 */
import { useEffect, useRef } from "preact/hooks";
import type { FileDetails } from "../api/file-schemas.ts";
import type { UpstreamRequest } from "../api/schemas.ts";
import { FileActions } from "./actions.tsx";
import { apiPath } from "./api.ts";
import { FailureItem } from "./failures.tsx";
import { formatAgo, formatBytes, formatMilliseconds, formatSpeed, plural } from "./format.ts";
import { useNow, usePolled } from "./hooks.ts";
import { Nothing, Panel, Refusal, Sign } from "./parts.tsx";
import { outcomeWords, type Tone } from "./words.ts";

const POLL_MS = 5_000;

const TONES: Readonly<Record<FileDetails["state"], Tone>> = {
  stored: "good",
  downloading: "good",
  listed: "idle",
  unknown: "idle",
};

const VERDICTS: Readonly<Record<NonNullable<FileDetails["stored"]>["verification"], readonly [Tone, string]>> = {
  verified: ["good", "the content that the Manifest wants"],
  unverified: ["idle", "no Manifest has it, so nobody vouches for its content"],
  stale: ["warn", "a Manifest wants another content by now: the next client gets the new one"],
};

const ENDS: Readonly<Record<string, string>> = {
  stored: "stored",
  "passed-through": "passed on without storing it",
  failed: "failed",
};

function Stored({ stored }: { readonly stored: NonNullable<FileDetails["stored"]> }) {
  const now = useNow();
  const [tone, verdict] = VERDICTS[stored.verification];
  return (
    <dl class="facts">
      <dt>Checked</dt>
      <dd>
        <Sign tone={tone} />
        {verdict}
      </dd>
      <dt>Size</dt>
      <dd>{formatBytes(stored.size)}</dd>
      <dt>Stored</dt>
      <dd>
        {formatAgo(stored.stored_at, now)}
        {stored.source === null ? ", found on disk" : `, from ${stored.source}`}
      </dd>
      <dt>Asked for</dt>
      <dd>
        {plural(stored.uses, "time")}, last {formatAgo(stored.used_at, now)}
      </dd>
      <dt>Path</dt>
      <dd>
        <code>{stored.path}</code>
      </dd>
      {stored.blake2b === null ? null : (
        <>
          <dt>BLAKE2B</dt>
          <dd>
            <code>{stored.blake2b}</code>
          </dd>
        </>
      )}
    </dl>
  );
}

function Source({ tried }: { readonly tried: UpstreamRequest }) {
  const [tone, words] = outcomeWords(tried.outcome);
  const { bytes, duration_ms, first_byte_ms, source } = tried;
  const speed = bytes > 0 && duration_ms > 0 ? `, ${formatSpeed((bytes * 1000) / duration_ms)}` : "";
  return (
    <li>
      <span class="file">
        <Sign tone={tone} />
        {source}
      </span>
      <span class="figure">{words}</span>
      <span class="small">
        {first_byte_ms === null ? "no first byte" : `first byte after ${formatMilliseconds(first_byte_ms)}`}
        {`, ${formatBytes(bytes)} in ${formatMilliseconds(duration_ms)}${speed}`}
      </span>
    </li>
  );
}

function Attempts({ attempts }: { readonly attempts: FileDetails["fetch_history"] }) {
  const now = useNow();
  if (attempts.length === 0) return <Nothing>No source was asked for it since the server started.</Nothing>;
  return (
    <ol class="plain">
      {attempts.map(({ started_at, outcome, upstream_requests }) => (
        <li key={started_at}>
          <h3>
            {formatAgo(started_at, now)}: {outcome === null ? "under way" : ENDS[outcome]}
          </h3>
          <ul class="plain rows">
            {upstream_requests.map((tried) => (
              <Source key={`${tried.source} ${tried.started_at}`} tried={tried} />
            ))}
          </ul>
        </li>
      ))}
    </ol>
  );
}

function WantedBy({ wanted }: { readonly wanted: FileDetails["packages"] }) {
  if (wanted.length === 0) return <Nothing>No package of the trees known here.</Nothing>;
  return (
    <ul class="plain rows">
      {wanted.map(({ repository, package: name, size }) => (
        <li key={`${repository} ${name}`}>
          <span class="file">{name}</span>
          <span class="figure">{formatBytes(size)}</span>
          <span class="small">in {repository}</span>
        </li>
      ))}
    </ul>
  );
}

function Story({ story }: { readonly story: FileDetails }) {
  const { state, summary, stored, download, packages, fetch_history, failures } = story;
  return (
    <>
      <p class="verdict">
        <Sign tone={TONES[state]} />
        {summary}
      </p>
      {download ? (
        <progress
          aria-label="So far"
          max={download.size ?? 1}
          {...(download.size === null ? {} : { value: download.bytes })}
        />
      ) : null}
      {stored ? <Stored stored={stored} /> : null}
      {state === "downloading" ? null : <FileActions name={story.name} stored={stored !== null} />}
      <h3 class="part">Wanted by</h3>
      <WantedBy wanted={packages} />
      <h3 class="part">Sources asked</h3>
      <Attempts attempts={fetch_history} />
      {failures.length > 0 ? (
        <>
          <h3 class="part">What went wrong</h3>
          <ul class="plain">
            {failures.map((failure) => (
              <FailureItem key={failure.kind} failure={failure} linked={false} />
            ))}
          </ul>
        </>
      ) : null}
    </>
  );
}

export function StoryView({ name }: { readonly name: string }) {
  const place = useRef<HTMLDivElement>(null);
  const { data, refusal } = usePolled<FileDetails>(`${apiPath("files")}/${encodeURIComponent(name)}`, POLL_MS);
  useEffect(() => {
    // Who came by a link is at the story, by eye and by ear.
    place.current?.focus();
    scrollTo(0, 0);
  }, [name]);
  return (
    <div ref={place} tabIndex={-1} class="story">
      <p>
        <a href="#/">← Overview</a>
      </p>
      <Panel id="story" title={name}>
        <Refusal text={refusal} />
        {data ? <Story story={data} /> : refusal === undefined ? <Nothing>…</Nothing> : null}
      </Panel>
    </div>
  );
}
