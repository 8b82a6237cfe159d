/**
 * How the action stands that was asked for, at the foot of whatever is shown: its progress while it goes on, its report in
 * a few words, or why it was refused; and where that was for the token, the form for it.
 */
import { useContext, useId, useState } from "preact/hooks";
import { formatBytes, formatCount } from "./format.ts";
import { type Progress, type Run, RunnerContext } from "./run.ts";
import { TokenContext } from "./token.ts";

function amount({ done, total, bytes, total_bytes }: Progress): string {
  const counted = total === null ? formatCount(done) : `${formatCount(done)} of ${formatCount(total)}`;
  if (bytes === 0 && total_bytes === null) return counted;
  return `${counted}, ${formatBytes(bytes)}${total_bytes === null ? "" : ` of ${formatBytes(total_bytes)}`}`;
}

/** By bytes where they are known, as files differ in size. */
function Bar({ progress, title }: { readonly progress: Progress | undefined; readonly title: string }) {
  const [done, total] = progress?.total_bytes
    ? [progress.bytes, progress.total_bytes]
    : [progress?.done, progress?.total];
  return <progress aria-label={title} max={total || 1} {...(total && done !== undefined ? { value: done } : {})} />;
}

function TokenForm({ onKept }: { readonly onKept: () => void }) {
  const keeper = useContext(TokenContext);
  const [text, setText] = useState("");
  const id = useId();
  return (
    <form
      class="token"
      onSubmit={(event) => {
        event.preventDefault();
        keeper.keep(text.trim());
        onKept();
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
      <button type="submit">Try with it</button>
    </form>
  );
}

function words(run: Exclude<Run, { state: "none" }>): string {
  if (run.state !== "running") return run.words;
  return run.progress ? `${run.progress.step}, ${amount(run.progress)}` : "begun";
}

function Ended({ run }: { readonly run: Run }) {
  // It is there from the start, so that what comes into it is read out; and not at each step.
  return (
    <p class="unseen" role="status">
      {run.state === "done" || run.state === "refused" ? `${run.title}: ${run.words}` : ""}
    </p>
  );
}

export function Dock() {
  const { run, stop, dismiss, again } = useContext(RunnerContext);
  if (run.state === "none") return <Ended run={run} />;
  const running = run.state === "running";
  return (
    <>
      <Ended run={run} />
      <section class={`dock panel ${run.state}`} id="run" aria-label="What you asked for">
        <div class="line">
          <p>
            <strong>{run.title}:</strong> {words(run)}
          </p>
          <button type="button" onClick={running ? stop : dismiss}>
            {running ? "Stop" : "Close"}
          </button>
        </div>
        {running ? (
          <>
            <Bar progress={run.progress} title={run.title} />
            <p class="small">It ends when this page is closed.</p>
          </>
        ) : null}
        {run.state === "refused" && run.needsToken ? (
          <>
            <p class="small">The token is kept in this tab until it is closed, and sent to this server alone.</p>
            <TokenForm onKept={again} />
          </>
        ) : null}
      </section>
    </>
  );
}
