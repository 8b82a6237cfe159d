/**
 * Shows at a glance whether the cache works, what it does now, and what it has saved.
 */
import { ClientSteps } from "./client-steps.tsx";
import { ErrorBoundary } from "./components.tsx";
import { DownloadsPanel } from "./downloads.tsx";
import { FailuresPanel } from "./failures.tsx";
import type { PageProps } from "./page-props.ts";
import { pageHash } from "./route.ts";
import { Summary } from "./summary.tsx";
import { TopListsPanel } from "./top-lists.tsx";
import { TrafficPanel } from "./traffic.tsx";

const FIRST_STEPS = ["script", "distfiles"];

/** Explains how to point clients at the server, until one has used it. */
function Welcome() {
  return (
    <section class="panel welcome" aria-labelledby="welcome-title">
      <h2 id="welcome-title">Getting started</h2>
      <p>No client has used this server yet. On a Gentoo machine, either of these is all that distfiles need:</p>
      <ClientSteps ids={FIRST_STEPS} />
      <p class="small">
        <a href={pageHash("setup")}>Setup</a> has the lines for emerge-webrsync and for binary packages.
      </p>
    </section>
  );
}

export function OverviewPage({ status, downloads, mirrors }: PageProps) {
  const empty = status?.store.files === 0 && status.all_time.requests === 0;
  return (
    <>
      <ErrorBoundary>
        <Summary status={status} downloads={downloads} mirrors={mirrors} />
      </ErrorBoundary>
      {empty ? <Welcome /> : null}
      <div class="columns overview">
        <div class="column">
          <ErrorBoundary>
            <DownloadsPanel downloads={downloads} maxRate={status?.max_rate} readAhead={status?.read_ahead} />
          </ErrorBoundary>
          <ErrorBoundary>
            <TrafficPanel />
          </ErrorBoundary>
        </div>
        <div class="column">
          <ErrorBoundary>
            <FailuresPanel />
          </ErrorBoundary>
          <ErrorBoundary>
            <TopListsPanel />
          </ErrorBoundary>
        </div>
      </div>
    </>
  );
}
