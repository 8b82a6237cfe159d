/**
 * Shows the state of the current action at the bottom of every view: its progress, its report, or its error with a form for
 * the admin token if it needs one.
 */
import { useContext, useId, useState } from "preact/hooks";
import type { Progress } from "../api/action-schemas.ts";
import { ActionContext, type ActionState } from "./action-state.ts";
import { formatBytes, formatCount } from "./format.ts";
import { TokenContext } from "./token.ts";

function amount({ done, total, bytes, total_bytes }: Progress): string {
  const counted = total === null ? formatCount(done) : `${formatCount(done)} of ${formatCount(total)}`;
  if (bytes === 0 && total_bytes === null) return counted;
  return `${counted}, ${formatBytes(bytes)}${total_bytes === null ? "" : ` of ${formatBytes(total_bytes)}`}`;
}

/** Measures progress in bytes if they are known, because files differ in size. */
function ProgressBar({ progress, title }: { readonly progress: Progress | undefined; readonly title: string }) {
  const [done, total] = progress?.total_bytes
    ? [progress.bytes, progress.total_bytes]
    : [progress?.done, progress?.total];
  return <progress aria-label={title} max={total || 1} {...(total && done !== undefined ? { value: done } : {})} />;
}

export function TokenForm({ onSubmit }: { readonly onSubmit: () => void }) {
  const tokens = useContext(TokenContext);
  const [text, setText] = useState("");
  const id = useId();
  return (
    <form
      class="token"
      onSubmit={(event) => {
        event.preventDefault();
        tokens.set(text.trim());
        onSubmit();
      }}
    >
      <label for={id}>Admin token</label>
      <input
        id={id}
        type="password"
        autocomplete="off"
        value={text}
        onInput={(event) => setText(event.currentTarget.value)}
      />
      <button type="submit">Continue</button>
    </form>
  );
}

function textOf(action: Exclude<ActionState, { state: "idle" }>): string {
  if (action.state !== "running") return action.text;
  return action.progress ? `${action.progress.step}, ${amount(action.progress)}` : "starting";
}

/** Announces the end of an action to screen readers, which need the element to exist before its text does. */
function Announcement({ action }: { readonly action: ActionState }) {
  const ended = action.state === "done" || action.state === "failed";
  return (
    <p class="visually-hidden" role="status">
      {ended ? `${action.title}: ${action.text}` : ""}
    </p>
  );
}

export function ActionStatus() {
  const { action, stop, dismiss, retry } = useContext(ActionContext);
  if (action.state === "idle") return <Announcement action={action} />;
  const running = action.state === "running";
  return (
    <>
      <Announcement action={action} />
      <section class={`action panel ${action.state}`} id="action" aria-label="Action status">
        <div class="line">
          <p>
            <strong>{action.title}:</strong> {textOf(action)}
          </p>
          <button type="button" onClick={running ? stop : dismiss}>
            {running ? "Stop" : "Close"}
          </button>
        </div>
        {running ? (
          <>
            <ProgressBar progress={action.progress} title={action.title} />
            <p class="small">It goes on when this page is closed.</p>
          </>
        ) : null}
        {action.state === "failed" && action.needsToken ? (
          <>
            <p class="small">The token is kept until this tab is closed and sent to this server only.</p>
            <TokenForm onSubmit={retry} />
          </>
        ) : null}
      </section>
    </>
  );
}
