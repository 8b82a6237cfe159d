/**
 * How an action stands: its progress while it goes on, its report in a sentence, or why it was refused, and then the form
 * for the token.
 */
import { useContext, useId, useState } from "preact/hooks";
import { formatBytes, formatCount } from "./format.ts";
import type { Progress, Run, Runner } from "./run.ts";
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

export function TokenForm({ onKept }: { readonly onKept: () => void }) {
  const keeper = useContext(TokenContext);
  const [text, setText] = useState("");
  const id = useId();
  return (
    <form
      class="token"
      onSubmit={(event) => {
        event.preventDefault();
        keeper.keep(text.trim());
        setText("");
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
      <button type="submit">Use it in this tab</button>
    </form>
  );
}

function Words({ run }: { readonly run: Run }) {
  if (run.state === "none") return null;
  if (run.state === "running")
    return <>{`${run.title}: ${run.progress ? `${run.progress.doing}, ${amount(run.progress)}` : "begun"}`}</>;
  if (run.state === "done") return <>{`${run.title}: ${run.words}.`}</>;
  return <span class="refusal">{`${run.title}: ${run.words}`}</span>;
}

export function RunStatus({ runner }: { readonly runner: Runner }) {
  const { run, stop } = runner;
  const [kept, setKept] = useState(false);
  const refusedForToken = run.state === "refused" && run.needsToken;
  return (
    <div class="run">
      {run.state === "running" ? (
        <div class="line">
          <Bar progress={run.progress} title={run.title} />
          <button type="button" onClick={stop}>
            Stop
          </button>
        </div>
      ) : null}
      {/* Read out where it ends, not at each step. */}
      <p role={run.state === "running" ? "none" : "status"}>
        <Words run={run} />
      </p>
      {refusedForToken ? <TokenForm onKept={() => setKept(true)} /> : null}
      {refusedForToken && kept ? <p class="small">Kept. Now try again.</p> : null}
    </div>
  );
}
