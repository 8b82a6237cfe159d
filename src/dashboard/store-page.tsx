/**
 * Shows the store, the repositories that its files are verified against, and the actions on both.
 */
import { ErrorBoundary } from "./components.tsx";
import { KindsPanel } from "./kinds.tsx";
import { MaintenancePanel } from "./maintenance.tsx";
import type { PageProps } from "./page-props.ts";
import { RepositoriesPanel } from "./repositories.tsx";
import { StorePanel } from "./store.tsx";

export function StorePage({ status }: PageProps) {
  return (
    <div class="columns">
      <div class="column">
        <ErrorBoundary>
          <StorePanel status={status} />
        </ErrorBoundary>
        <ErrorBoundary>
          <KindsPanel status={status} />
        </ErrorBoundary>
      </div>
      <div class="column">
        <ErrorBoundary>
          <MaintenancePanel status={status} />
        </ErrorBoundary>
        <ErrorBoundary>
          <RepositoriesPanel />
        </ErrorBoundary>
      </div>
    </div>
  );
}
