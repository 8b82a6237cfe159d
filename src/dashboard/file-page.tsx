/**
 * Shows the details of one file: whether and why it is stored, the packages that list it, its fetch history and problems.
 */
import { useState } from "preact/hooks";
import type { FileDetails } from "../api/file-schemas.ts";
import type { TitledRequest } from "./action-state.ts";
import { filePath } from "./api.ts";
import { Breakable, ErrorMessage, PackageLink, Panel, Placeholder, StatusIcon } from "./components.tsx";
import { DownloadProgress } from "./downloads.tsx";
import { FailureItem } from "./failures.tsx";
import { FetchHistory } from "./fetch-history.tsx";
import { formatAgo, formatBytes, formatCount, formatName } from "./format.ts";
import { useNow, usePolled } from "./hooks.ts";
import { type Tone, verificationLabel } from "./labels.ts";
import { ActionButton } from "./maintenance.tsx";
import type { PageProps } from "./page-props.ts";
import { pageHash, requestsHash } from "./route.ts";
import { Upload } from "./upload.tsx";

const POLL_MS = 5_000;

const TONES: Readonly<Record<FileDetails["state"], Tone>> = {
  stored: "good",
  downloading: "good",
  listed: "idle",
  unknown: "idle",
};

function Stored({ stored }: { readonly stored: NonNullable<FileDetails["stored"]> }) {
  const now = useNow();
  const [tone, verification] = verificationLabel(stored.verification);
  return (
    <dl class="properties">
      <dt>Verification</dt>
      <dd>
        <StatusIcon tone={tone} />
        {verification}
      </dd>
      <dt>Size</dt>
      <dd>{formatBytes(stored.size)}</dd>
      <dt>Stored</dt>
      <dd>
        {formatAgo(stored.stored_at, now)}
        {stored.source === null ? ", found on disk" : `, from ${stored.source}`}
      </dd>
      <dt>Requests</dt>
      <dd>
        {formatCount(stored.uses)}, last {formatAgo(stored.used_at, now)}
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

function Packages({ packages }: { readonly packages: FileDetails["packages"] }) {
  if (packages.length === 0) return <Placeholder>Not listed in any known repository.</Placeholder>;
  return (
    <ul class="plain rows">
      {packages.map(({ repository, package: name, size }) => (
        <li key={`${repository} ${name}`}>
          <PackageLink name={name} />
          <span class="value">{formatBytes(size)}</span>
          <span class="small">{repository}</span>
        </li>
      ))}
    </ul>
  );
}

function PageLinks({ title, pages }: { readonly title: string; readonly pages: readonly string[] }) {
  if (pages.length === 0) return null;
  return (
    <>
      <dt>{title}</dt>
      <dd>
        {pages.map((page) => (
          <div key={page}>
            <a href={page} target="_blank" rel="noreferrer noopener">
              <Breakable text={formatName(page)} />
            </a>
          </div>
        ))}
      </dd>
    </>
  );
}

/** Says where people get a file that nothing may fetch. */
function ByHand({ byHand }: { readonly byHand: NonNullable<FileDetails["by_hand"]> }) {
  if (byHand.homepages.length + byHand.uris.length === 0)
    return <Placeholder>Its ebuild does not say in plain words where to get it.</Placeholder>;
  return (
    <dl class="properties">
      <PageLinks title="Homepage" pages={byHand.homepages} />
      <PageLinks title="Get it at" pages={byHand.uris} />
    </dl>
  );
}

/** Offers to fetch the file, or to remove it after a confirmation. */
function FileActions({ name, stored }: { readonly name: string; readonly stored: boolean }) {
  const [confirming, setConfirming] = useState(false);
  if (!stored) {
    return (
      <div class="buttons">
        <ActionButton request={{ title: "Fetch now", name: "fetch", body: { names: [name] } }} />
      </div>
    );
  }
  if (!confirming) {
    return (
      <div class="buttons">
        <button type="button" onClick={() => setConfirming(true)}>
          Remove…
        </button>
      </div>
    );
  }
  const request: TitledRequest = {
    title: "Remove file",
    name: "drop",
    body: { names: [name] },
    onReport: () => setConfirming(false),
  };
  return (
    <div class="buttons">
      <ActionButton request={request} danger />
      <button type="button" onClick={() => setConfirming(false)}>
        Cancel
      </button>
    </div>
  );
}

function Details({ file }: { readonly file: FileDetails }) {
  const { state, summary, stored, download, packages, fetch_history, failures } = file;
  return (
    <>
      <p class="summary">
        <StatusIcon tone={TONES[state]} />
        {summary}
      </p>
      {download ? <DownloadProgress download={download} /> : null}
      {stored ? <Stored stored={stored} /> : null}
      {file.by_hand ? <ByHand byHand={file.by_hand} /> : null}
      {state === "downloading" || file.by_hand ? null : <FileActions name={file.name} stored={stored !== null} />}
      {state === "listed" ? <Upload name={file.name} /> : null}
      <p>
        <a href={requestsHash({ file: file.name })}>Who asked for it</a>
      </p>
      {failures.length > 0 ? (
        <>
          <h3 class="section">Problems</h3>
          <ul class="plain">
            {failures.map((failure) => (
              <FailureItem key={failure.kind} failure={failure} linked={false} />
            ))}
          </ul>
        </>
      ) : null}
      <h3 class="section">Packages</h3>
      <Packages packages={packages} />
      <h3 class="section">History</h3>
      <FetchHistory history={fetch_history} />
    </>
  );
}

export function FilePage({ item: name }: PageProps) {
  const { data, error } = usePolled<FileDetails>(filePath(name), POLL_MS);
  return (
    <div class="file-details">
      <p>
        <a href={pageHash("files")}>← Files</a>
      </p>
      <Panel id="file" title={formatName(name)}>
        <ErrorMessage text={error} />
        {data ? <Details file={data} /> : error === undefined ? <Placeholder>…</Placeholder> : null}
      </Panel>
    </div>
  );
}
