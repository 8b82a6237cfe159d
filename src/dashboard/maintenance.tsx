/**
 * Shows the buttons that start actions: clean up, rescan, verify, and fetch. Whether an action is allowed is up to the server.
 */
import { useContext, useId, useState } from "preact/hooks";
import type { ActionsResponse } from "../api/action-schemas.ts";
import type { ActionReports } from "../api/actions.ts";
import type { Status } from "../api/schemas.ts";
import { cleanConfirmation, keptText, keptTitle, parseFetchField } from "./action-reports.ts";
import { ActionContext, type TitledRequest } from "./action-state.ts";
import { apiPath, type DashboardAction } from "./api.ts";
import { Panel, StatusIcon } from "./components.tsx";
import { formatAgo } from "./format.ts";
import { useNow, usePolled } from "./hooks.ts";

const POLL_MS = 10_000;
const MAX_SHOWN = 5;

interface ActionButtonProps {
  readonly request: TitledRequest;
  readonly danger?: boolean;
  /** What the action is about, for screen readers, where several buttons have the same text. */
  readonly subject?: string;
}

export function ActionButton({ request, danger, subject }: ActionButtonProps) {
  const { start, action } = useContext(ActionContext);
  return (
    <button
      type="button"
      class={danger ? "danger" : ""}
      disabled={action.state === "running"}
      onClick={() => start(request)}
    >
      {request.title}
      {subject === undefined ? null : <span class="visually-hidden"> {subject}</span>}
    </button>
  );
}

function FetchForm() {
  const { start, action } = useContext(ActionContext);
  const [text, setText] = useState("");
  const id = useId();
  const body = parseFetchField(text);
  const empty = body.names.length + body.packages.length === 0;
  return (
    <form
      class="fetch"
      onSubmit={(event) => {
        event.preventDefault();
        if (!empty) start({ title: "Fetch", name: "fetch", body });
      }}
    >
      <label for={id}>Fetch files</label>
      <input
        id={id}
        placeholder="dev-lang/rust or rustc-1.91.0.tar.xz"
        value={text}
        onInput={(event) => setText(event.currentTarget.value)}
      />
      <button type="submit" disabled={empty || action.state === "running"}>
        Fetch
      </button>
    </form>
  );
}

/** Shows what a clean-up would remove and asks for confirmation. */
function CleanButtons() {
  const [confirmation, setConfirmation] = useState<string>();
  if (confirmation === undefined) {
    const onReport = (report: ActionReports[DashboardAction]) => setConfirmation(cleanConfirmation(report));
    return <ActionButton request={{ title: "Clean up…", name: "clean", body: { dry_run: true }, onReport }} />;
  }
  const onReport = () => setConfirmation(undefined);
  return (
    <>
      <ActionButton request={{ title: confirmation, name: "clean", body: {}, onReport }} danger />
      <button type="button" onClick={() => setConfirmation(undefined)}>
        Cancel
      </button>
    </>
  );
}

/** Lists how actions ended, those of pages that were closed since as well. */
function LatestActions() {
  const now = useNow();
  const { data } = usePolled<ActionsResponse>(apiPath("actions"), POLL_MS);
  const ended = (data?.actions ?? []).filter(({ ended_at }) => ended_at !== null).slice(0, MAX_SHOWN);
  if (ended.length === 0) return null;
  return (
    <>
      <h3>Latest actions</h3>
      <ul class="plain rows">
        {ended.map((one) => (
          <li key={one.id}>
            <span>
              <StatusIcon tone={one.error === null ? "good" : "bad"} />
              {keptTitle(one)}
            </span>
            <span class="small">{formatAgo(one.ended_at ?? one.started_at, now)}</span>
            <span class="small">{keptText(one)}</span>
          </li>
        ))}
      </ul>
    </>
  );
}

export function MaintenancePanel({ status }: { readonly status: Status | undefined }) {
  return (
    <Panel id="maintenance" title="Maintenance">
      {status?.changes_over_tcp === false ? (
        <p class="small">
          Disabled over the network because <code>[server] admin_token</code> is not set. Use the <code>portcache</code>{" "}
          command on the server instead.
        </p>
      ) : null}
      <div class="buttons">
        <CleanButtons />
        <ActionButton request={{ title: "Rescan repositories", name: "rescan", body: {} }} />
        <ActionButton request={{ title: "Verify", name: "verify", body: {} }} />
        <ActionButton request={{ title: "Verify and repair", name: "verify", body: { repair: true } }} />
      </div>
      <FetchForm />
      <LatestActions />
    </Panel>
  );
}
