/**
 * Shows at a glance whether the cache works, what it does now, and what it has saved.
 */
import { ErrorBoundary } from "./components.tsx";
import { DownloadsPanel } from "./downloads.tsx";
import { FailuresPanel } from "./failures.tsx";
import type { PageProps } from "./page-props.ts";
import { ClientLines } from "./setup-page.tsx";
import { Summary } from "./summary.tsx";
import { TopListsPanel } from "./top-lists.tsx";
import { TrafficPanel } from "./traffic.tsx";

/** Explains how to point clients at the server, until one has used it. */
function Welcome() {
  return (
    <section class="panel welcome" aria-labelledby="welcome-title">
      <h2 id="welcome-title">Getting started</h2>
      <p>No client has used this server yet.</p>
      <ClientLines />
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
