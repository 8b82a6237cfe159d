/**
 * The page as a whole: head with search, the four answers, and below them the overview, a search, or one file's story.
 */
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Downloads, Mirrors, Status } from "../api/schemas.ts";
import { ActionsPanel } from "./actions.tsx";
import { apiPath } from "./api.ts";
import { ChartsPanel } from "./charts.tsx";
import { Dock } from "./dock.tsx";
import { DownloadsPanel } from "./downloads.tsx";
import { FailuresPanel } from "./failures.tsx";
import { FilesView } from "./files.tsx";
import { NowContext, useContact, usePolled } from "./hooks.ts";
import { useLive } from "./live.ts";
import { MirrorsPanel } from "./mirrors.tsx";
import { Guarded } from "./parts.tsx";
import { type Route, searchHash, useRoute } from "./route.ts";
import { RunnerContext, useRunner } from "./run.ts";
import { StorePanel } from "./store.tsx";
import { StoryView } from "./story.tsx";
import { Summary } from "./summary.tsx";
import { TopPanel } from "./top.tsx";
import { TreesPanel } from "./trees.tsx";

const MIRRORS_POLL_MS = 10_000;
/** A search begins when typing has paused for so long. */
const TYPING_PAUSE_MS = 200;

function Search({ route }: { readonly route: Route }) {
  const shown = route.view === "files" ? route.search : "";
  const [text, setText] = useState(shown);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => setText(shown), [shown]);
  const go = (search: string) => {
    clearTimeout(timer.current);
    const hash = searchHash(search.trim());
    // Letters typed are one search, and one step back.
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
          aria-label="Find a file"
          placeholder="Find a file…"
          value={text}
          onInput={(event) => {
            const search = event.currentTarget.value;
            setText(search);
            clearTimeout(timer.current);
            timer.current = setTimeout(() => go(search), TYPING_PAUSE_MS);
          }}
        />
      </form>
    </search>
  );
}

/** Says that the server is away, and that it is back. */
function ContactLine({ refusal }: { readonly refusal: string | undefined }) {
  const { state, since, returns } = useContact();
  const time = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" }).format(since);
  const gone = `The server does not answer since ${time}. It is asked again every few seconds; this page goes on by itself.`;
  return (
    <div role="status" class="contact">
      {refusal === undefined ? null : <p class="banner bad">{refusal}</p>}
      {state === "gone" ? <p class="banner bad">{gone}</p> : null}
      {state === "here" && returns > 0 ? <p class="unseen">The server answers again.</p> : null}
    </div>
  );
}

/** Another version of the server has another page, too. */
function VersionLine({ version }: { readonly version: string | undefined }) {
  const [first, setFirst] = useState(version);
  useEffect(() => setFirst((before) => before ?? version), [version]);
  if (version === undefined || first === undefined || version === first) return null;
  return (
    <p class="banner" role="status">
      The server is version {version} now, this page is that of {first}.{" "}
      <button type="button" onClick={() => location.reload()}>
        Load the new one
      </button>
    </p>
  );
}

interface OverviewProps {
  readonly status: Status | undefined;
  readonly downloads: Downloads | undefined;
  readonly mirrors: Mirrors | undefined;
}

/** A store that nobody has used yet: how to begin. */
function Welcome() {
  return (
    <section class="panel welcome" aria-labelledby="welcome-title">
      <h2 id="welcome-title">The store is empty</h2>
      <p>
        Nothing was asked for yet. On a client, put this line into <code>/etc/portage/mirrors</code>:
      </p>
      <pre class="sample">local {location.origin}</pre>
      <p class="small">
        or <code>GENTOO_MIRRORS="{location.origin}"</code> into <code>/etc/portage/make.conf</code>. What emerge fetches
        then shows up here.
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
          <Guarded>
            <DownloadsPanel downloads={downloads} readAhead={status?.read_ahead} />
          </Guarded>
          <Guarded>
            <ChartsPanel />
          </Guarded>
          <Guarded>
            <FailuresPanel />
          </Guarded>
          <Guarded>
            <TopPanel />
          </Guarded>
        </div>
        <div class="column">
          <Guarded>
            <MirrorsPanel mirrors={mirrors} />
          </Guarded>
          <Guarded>
            <StorePanel status={status} />
          </Guarded>
          <Guarded>
            <TreesPanel />
          </Guarded>
          <Guarded>
            <ActionsPanel status={status} />
          </Guarded>
        </div>
      </div>
    </>
  );
}

function pageTitle(gone: boolean, status: Status | undefined): string {
  if (gone) return "✕ portcache";
  const active = status?.downloads.active ?? 0;
  const sign = status && status.health.state !== "ok" ? "▲ " : "";
  return `${sign}${active > 0 ? `(${active}) ` : ""}portcache`;
}

/** How far the server's clock is ahead of the browser's, known from its latest status. */
function useClockDifference(status: Status | undefined): number {
  return useMemo(() => (status ? Date.parse(status.now) - Date.now() : 0), [status]);
}

export function App() {
  const route = useRoute();
  const { status, downloads, refusal } = useLive();
  const runner = useRunner();
  const mirrors = usePolled<Mirrors>(apiPath("mirrors"), MIRRORS_POLL_MS);
  const gone = useContact().state === "gone";
  const now = Date.now() + useClockDifference(status);
  useEffect(() => {
    document.title = pageTitle(gone, status);
  }, [gone, status]);
  const shown = { status, downloads, mirrors: mirrors.data };
  return (
    <NowContext.Provider value={now}>
      <RunnerContext.Provider value={runner}>
        <header class="top">
          <a class="logo" href="#/">
            portcache
          </a>
          <Search route={route} />
        </header>
        <ContactLine refusal={refusal} />
        <VersionLine version={status?.version} />
        <main class={gone ? "gone" : ""}>
          <h1 class="unseen">portcache</h1>
          <Guarded>
            <Summary {...shown} />
          </Guarded>
          <Guarded key={route.view === "file" ? `file ${route.name}` : route.view}>
            {route.view === "overview" ? <Overview {...shown} /> : null}
            {route.view === "files" ? <FilesView search={route.search} /> : null}
            {route.view === "file" ? <StoryView name={route.name} /> : null}
          </Guarded>
          <Dock />
        </main>
      </RunnerContext.Provider>
    </NowContext.Provider>
  );
}
