/**
 * Lays out the page: header with search, summary tiles, and below them the overview, the file list, or one file.
 */
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { DownloadsResponse, MirrorsResponse, Status } from "../api/schemas.ts";
import { ActionContext, useActionControl } from "./action-state.ts";
import { ActionStatus } from "./action-status.tsx";
import { apiPath } from "./api.ts";
import { ErrorBoundary } from "./components.tsx";
import { DownloadsPanel } from "./downloads.tsx";
import { useEventStream } from "./event-stream.ts";
import { FailuresPanel } from "./failures.tsx";
import { FileDetailsView } from "./file-details.tsx";
import { FilesView } from "./files.tsx";
import { NowContext, useConnection, usePolled } from "./hooks.ts";
import { MaintenancePanel } from "./maintenance.tsx";
import { MirrorsPanel } from "./mirrors.tsx";
import { RepositoriesPanel } from "./repositories.tsx";
import { type Route, searchHash, useRoute } from "./route.ts";
import { StorePanel } from "./store.tsx";
import { Summary } from "./summary.tsx";
import { TopListsPanel } from "./top-lists.tsx";
import { TrafficPanel } from "./traffic.tsx";

const MIRRORS_POLL_MS = 10_000;
/** Delay between the last keystroke and the search. */
const SEARCH_DELAY_MS = 200;

function Search({ route }: { readonly route: Route }) {
  const shown = route.view === "files" ? route.search : "";
  const [text, setText] = useState(shown);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => setText(shown), [shown]);
  const go = (search: string) => {
    clearTimeout(timer.current);
    const hash = searchHash(search.trim());
    // Refining a search adds no history entries: one step back leaves it.
    if (route.view === "files") location.replace(hash);
    else location.hash = hash;
  };
  return (
    <search>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          go(text);
        }}
      >
        <input
          type="search"
          aria-label="Search files"
          placeholder="Search files…"
          value={text}
          onInput={(event) => {
            const search = event.currentTarget.value;
            setText(search);
            clearTimeout(timer.current);
            timer.current = setTimeout(() => go(search), SEARCH_DELAY_MS);
          }}
        />
      </form>
    </search>
  );
}

/** Announces that the server stopped responding, and that it is back. */
function ConnectionBanner({ error }: { readonly error: string | undefined }) {
  const { state, since, reconnects } = useConnection();
  const time = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" }).format(since);
  const offline = `The server has not responded since ${time}. Retrying every few seconds.`;
  return (
    <div role="status" class="connection">
      {error === undefined ? null : <p class="banner bad">{error}</p>}
      {state === "offline" ? <p class="banner bad">{offline}</p> : null}
      {state === "online" && reconnects > 0 ? <p class="visually-hidden">The server is back.</p> : null}
    </div>
  );
}

/** Asks for a reload when the server was replaced by another version, whose page differs. */
function VersionBanner({ version }: { readonly version: string | undefined }) {
  const [first, setFirst] = useState(version);
  useEffect(() => setFirst((before) => before ?? version), [version]);
  if (version === undefined || first === undefined || version === first) return null;
  return (
    <p class="banner" role="status">
      The server was updated to version {version}; this page is from version {first}.{" "}
      <button type="button" onClick={() => location.reload()}>
        Reload
      </button>
    </p>
  );
}

interface OverviewProps {
  readonly status: Status | undefined;
  readonly downloads: DownloadsResponse | undefined;
  readonly mirrors: MirrorsResponse | undefined;
}

/** Explains how to point clients at the server, until one has used it. */
function Welcome() {
  return (
    <section class="panel welcome" aria-labelledby="welcome-title">
      <h2 id="welcome-title">Getting started</h2>
      <p>
        No client has used this server yet. On a client, add this line to <code>/etc/portage/mirrors</code>:
      </p>
      <pre class="sample">local {location.origin}</pre>
      <p class="small">
        or set <code>GENTOO_MIRRORS="{location.origin}"</code> in <code>/etc/portage/make.conf</code>.
      </p>
    </section>
  );
}

function Overview({ status, downloads, mirrors }: OverviewProps) {
  const empty = status?.store.files === 0 && status.all_time.requests === 0;
  return (
    <>
      {empty ? <Welcome /> : null}
      <div class="columns">
        <div class="column">
          <ErrorBoundary>
            <DownloadsPanel downloads={downloads} maxRate={status?.max_rate} readAhead={status?.read_ahead} />
          </ErrorBoundary>
          <ErrorBoundary>
            <TrafficPanel />
          </ErrorBoundary>
          <ErrorBoundary>
            <FailuresPanel />
          </ErrorBoundary>
          <ErrorBoundary>
            <TopListsPanel />
          </ErrorBoundary>
        </div>
        <div class="column">
          <ErrorBoundary>
            <MirrorsPanel mirrors={mirrors} />
          </ErrorBoundary>
          <ErrorBoundary>
            <StorePanel status={status} />
          </ErrorBoundary>
          <ErrorBoundary>
            <RepositoriesPanel />
          </ErrorBoundary>
          <ErrorBoundary>
            <MaintenancePanel status={status} />
          </ErrorBoundary>
        </div>
      </div>
    </>
  );
}

function pageTitle(offline: boolean, status: Status | undefined): string {
  if (offline) return "✕ portcache";
  const active = status?.downloads.active ?? 0;
  const warning = status && status.health.state !== "ok" ? "▲ " : "";
  return `${warning}${active > 0 ? `(${active}) ` : ""}portcache`;
}

/** Returns how far the server's clock is ahead of the browser's. */
function useClockOffset(status: Status | undefined): number {
  return useMemo(() => (status ? Date.parse(status.now) - Date.now() : 0), [status]);
}

export function App() {
  const route = useRoute();
  const { status, downloads, error } = useEventStream();
  const control = useActionControl();
  const mirrors = usePolled<MirrorsResponse>(apiPath("mirrors"), MIRRORS_POLL_MS);
  const offline = useConnection().state === "offline";
  const now = Date.now() + useClockOffset(status);
  useEffect(() => {
    document.title = pageTitle(offline, status);
  }, [offline, status]);
  const data = { status, downloads, mirrors: mirrors.data };
  return (
    <NowContext.Provider value={now}>
      <ActionContext.Provider value={control}>
        <header class="page-header">
          <a class="logo" href="#/">
            portcache
          </a>
          <Search route={route} />
        </header>
        <ConnectionBanner error={error} />
        <VersionBanner version={status?.version} />
        <main class={offline ? "offline" : ""}>
          <h1 class="visually-hidden">portcache</h1>
          <ErrorBoundary>
            <Summary {...data} />
          </ErrorBoundary>
          <ErrorBoundary key={route.view === "file" ? `file ${route.name}` : route.view}>
            {route.view === "overview" ? <Overview {...data} /> : null}
            {route.view === "files" ? <FilesView search={route.search} /> : null}
            {route.view === "file" ? <FileDetailsView name={route.name} /> : null}
          </ErrorBoundary>
          <ActionStatus />
        </main>
      </ActionContext.Provider>
    </NowContext.Provider>
  );
}
