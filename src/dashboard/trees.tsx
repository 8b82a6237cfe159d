/**
 * The ebuild repositories that are known: how much they hold, when they were read, and what is wrong with them.
 */
import type { Repositories } from "../api/schemas.ts";
import { apiPath } from "./api.ts";
import { formatAgo, plural } from "./format.ts";
import { useNow, usePolled } from "./hooks.ts";
import { Nothing, Panel, Refusal, Sign } from "./parts.tsx";
import { treeVerdict } from "./words.ts";

const POLL_MS = 60_000;

type Tree = Repositories["repositories"][number];

function Row({ tree }: { readonly tree: Tree }) {
  const now = useNow();
  const { tone, text, detail } = treeVerdict(tree);
  const { name, location, scanned_at, packages, distfiles } = tree;
  return (
    <li>
      <span class="file" title={location}>
        <Sign tone={tone} />
        {name}
      </span>
      <span class="figure">{plural(packages, "package")}</span>
      <span class="small">
        {plural(distfiles, "distfile")}, {scanned_at === null ? "not read yet" : `read ${formatAgo(scanned_at, now)}`}
        {text === "" ? "" : `; ${text}`}
        {detail === "" ? "" : `: ${detail}`}
      </span>
    </li>
  );
}

export function TreesPanel() {
  const { data, refusal } = usePolled<Repositories>(apiPath("repositories"), POLL_MS);
  const problems = [...(data?.problems ?? []), ...(data?.pending ?? []).map((url) => `${url} has not been cloned yet`)];
  return (
    <Panel id="trees" title="Trees">
      <Refusal text={refusal} />
      {data?.repositories.length ? (
        <ul class="plain rows">
          {data.repositories.map((tree) => (
            <Row key={tree.location} tree={tree} />
          ))}
        </ul>
      ) : (
        <Nothing>
          {data ? "No ebuild repository is known: [repo] repos names them. Files can't be checked without one." : "…"}
        </Nothing>
      )}
      {problems.map((problem) => (
        <p key={problem} class="small">
          <Sign tone="warn" />
          {problem}
        </p>
      ))}
    </Panel>
  );
}
