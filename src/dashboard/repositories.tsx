/**
 * Shows the ebuild repositories, their last scan, and problems with them.
 */
import type { RepositoriesResponse } from "../api/schemas.ts";
import { apiPath } from "./api.ts";
import { ErrorMessage, Panel, Placeholder, StatusIcon } from "./components.tsx";
import { formatAgo, formatBytes, formatName, plural } from "./format.ts";
import { useNow, usePolled } from "./hooks.ts";
import { repositoryLabel } from "./labels.ts";

const POLL_MS = 60_000;

type RepositoryEntry = RepositoriesResponse["repositories"][number];

function Row({ repository }: { readonly repository: RepositoryEntry }) {
  const now = useNow();
  const { tone, text, detail } = repositoryLabel(repository);
  const { name, location, bytes, scanned_at, packages, distfiles } = repository;
  return (
    <li>
      <span class="file" title={location}>
        <StatusIcon tone={tone} />
        {formatName(name)}
      </span>
      <span class="value">{plural(packages, "package")}</span>
      <span class="small">
        {plural(distfiles, "distfile")}, {bytes === null ? "" : `${formatBytes(bytes)}, `}
        {scanned_at === null ? "not scanned yet" : `scanned ${formatAgo(scanned_at, now)}`}
        {text === "" ? "" : `; ${text}`}
        {detail === "" ? "" : `: ${detail}`}
      </span>
    </li>
  );
}

export function RepositoriesPanel() {
  const { data, error } = usePolled<RepositoriesResponse>(apiPath("repositories"), POLL_MS);
  const problems = [...(data?.problems ?? []), ...(data?.pending ?? []).map((url) => `${url}: not cloned yet`)];
  return (
    <Panel id="repositories" title="Repositories">
      <ErrorMessage text={error} />
      {data?.repositories.length ? (
        <ul class="plain rows">
          {data.repositories.map((repository) => (
            <Row key={repository.location} repository={repository} />
          ))}
        </ul>
      ) : (
        <Placeholder>
          {data ? "No ebuild repositories found ([repo] repos). Files cannot be verified without one." : "…"}
        </Placeholder>
      )}
      {problems.map((problem) => (
        <p key={problem} class="small">
          <StatusIcon tone="warn" />
          {problem}
        </p>
      ))}
    </Panel>
  );
}
