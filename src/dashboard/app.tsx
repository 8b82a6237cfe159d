/**
 * Lays out the dashboard: header with navigation and search, and below it the page that the address names.
 */
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Mirror, MirrorsResponse, Status } from "../api/schemas.ts";
import { ActionContext, useActionControl } from "./action-state.ts";
import { ActionStatus } from "./action-status.tsx";
import { apiPath } from "./api.ts";
import { formatTime } from "./clock.ts";
import { ErrorBoundary, StatusIcon } from "./components.tsx";
import { useEventStream } from "./event-stream.ts";
import { NowContext, useConnection, useNow, usePolled } from "./hooks.ts";
import { allMirrorsDown, healthLabel } from "./labels.ts";
import { PAGES, pageOf } from "./pages.tsx";
import { pageHash, type Route, searchHash, useRoute } from "./route.ts";

const MIRRORS_POLL_MS = 10_000;
/** Delay between the last keystroke and the search. */
const SEARCH_DELAY_MS = 200;

function Search({ route }: { readonly route: Route }) {
  const listed = route.page === "files";
  const shown = listed ? (route.query.get("q") ?? "") : "";
  const [text, setText] = useState(shown);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => setText(shown), [shown]);
  const go = (search: string) => {
    clearTimeout(timer.current);
    const hash = searchHash(search.trim());
    // Refining a search adds no history entries: one step back leaves it.
    if (listed) location.replace(hash);
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
  const offline = `The server has not responded since ${formatTime(since)}. Retrying every few seconds.`;
  return (
    <div role="status" class="connection">
      {error === undefined ? null : <p class="banner bad">{error}</p>}
      {state === "offline" ? <p class="banner bad">{offline}</p> : null}
      {state === "online" && reconnects > 0 ? <p class="visually-hidden">The server is back.</p> : null}
    </div>
  );
}

/** Says what is wrong with the server, on every page: the tile has no room for all of it. */
function HealthBanner({
  status,
  mirrors,
}: {
  readonly status: Status | undefined;
  readonly mirrors: readonly Mirror[];
}) {
  const now = useNow();
  const down = allMirrorsDown(mirrors, now);
  const { tone, text, detail } = status ? healthLabel(status) : { tone: "good" as const, text: "", detail: "" };
  return (
    <>
      {down === undefined ? null : (
        <p class="banner bad">
          <StatusIcon tone="bad" />
          {down}.
        </p>
      )}
      {tone === "good" ? null : (
        <p class={`banner ${tone}`}>
          <StatusIcon tone={tone} />
          {text}: {detail}.
        </p>
      )}
    </>
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

function Navigation({ current }: { readonly current: string }) {
  return (
    <nav class="pages" aria-label="Pages">
      <ul class="plain">
        {PAGES.filter(({ within }) => within === undefined).map(({ path, title }) => (
          <li key={path}>
            <a href={pageHash(path)} {...(path === current ? { "aria-current": "page" } : {})}>
              {title}
            </a>
          </li>
        ))}
      </ul>
    </nav>
  );
}

function windowTitle(page: string, offline: boolean, status: Status | undefined): string {
  const name = `${page} – portcache`;
  if (offline) return `✕ ${name}`;
  const active = status?.downloads.active ?? 0;
  const warning = status && status.health.state !== "ok" ? "▲ " : "";
  return `${warning}${active > 0 ? `(${active}) ` : ""}${name}`;
}

/** Returns how far the server's clock is ahead of the browser's. */
function useClockOffset(status: Status | undefined): number {
  return useMemo(() => (status ? Date.parse(status.now) - Date.now() : 0), [status]);
}

/** Moves the focus of screen readers and the scroll position to the top of another page, but not while a search is typed. */
function useFocusOnPage(address: string) {
  const main = useRef<HTMLElement>(null);
  const shown = useRef(address);
  useEffect(() => {
    if (shown.current === address) return;
    shown.current = address;
    if (document.activeElement?.matches("input[type=search]")) return;
    main.current?.focus();
    scrollTo(0, 0);
  }, [address]);
  return main;
}

export function App() {
  const route = useRoute();
  const { status, downloads, latestRequest, error } = useEventStream();
  const control = useActionControl();
  const mirrors = usePolled<MirrorsResponse>(apiPath("mirrors"), MIRRORS_POLL_MS);
  const offline = useConnection().state === "offline";
  const now = Date.now() + useClockOffset(status);
  const page = pageOf(route);
  const address = `${page.path}/${route.item}`;
  const main = useFocusOnPage(address);
  useEffect(() => {
    document.title = windowTitle(page.title, offline, status);
  }, [page, offline, status]);
  const { Content } = page;
  return (
    <NowContext.Provider value={now}>
      <ActionContext.Provider value={control}>
        <header class="page-header">
          <button type="button" class="skip" onClick={() => main.current?.focus()}>
            Skip to content
          </button>
          <a class="logo" href="#/">
            portcache
          </a>
          <Navigation current={page.within ?? page.path} />
          <Search route={route} />
        </header>
        <ConnectionBanner error={error} />
        <ErrorBoundary>
          {offline ? null : <HealthBanner status={status} mirrors={mirrors.data?.mirrors ?? []} />}
        </ErrorBoundary>
        <VersionBanner version={status?.version} />
        <main class={offline ? "offline" : ""} tabIndex={-1} ref={main}>
          <h1 class="visually-hidden">portcache: {page.title}</h1>
          <ErrorBoundary key={address}>
            <Content
              item={route.item}
              query={route.query}
              status={status}
              downloads={downloads}
              mirrors={mirrors.data}
              latestRequest={latestRequest}
            />
          </ErrorBoundary>
          <ActionStatus />
        </main>
      </ActionContext.Provider>
    </NowContext.Provider>
  );
}
