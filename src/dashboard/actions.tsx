/**
 * What an admin can have done from here: clean, rescan, verify, fetch, and drop one file. The server decides whether it may
 * be; where it wants a token, it is asked for.
 */
import { useContext, useId, useState } from "preact/hooks";
import type { Status } from "../api/schemas.ts";
import { Panel } from "./parts.tsx";
import { cleanOffer, parseWanted } from "./reports.ts";
import { type Order, RunnerContext } from "./run.ts";

function ActionButton({ order, danger }: { readonly order: Order; readonly danger?: boolean }) {
  const { begin, run } = useContext(RunnerContext);
  return (
    <button
      type="button"
      class={danger ? "danger" : ""}
      disabled={run.state === "running"}
      onClick={() => begin(order)}
    >
      {order.title}
    </button>
  );
}

function FetchForm() {
  const { begin, run } = useContext(RunnerContext);
  const [text, setText] = useState("");
  const id = useId();
  const wanted = parseWanted(text);
  const empty = wanted.names.length + wanted.packages.length === 0;
  return (
    <form
      class="fetch"
      onSubmit={(event) => {
        event.preventDefault();
        if (!empty) begin({ title: "Fetch", name: "fetch", body: wanted });
      }}
    >
      <label for={id}>Fetch ahead of need</label>
      <input
        id={id}
        placeholder="dev-lang/rust or rustc-1.91.0.tar.xz"
        value={text}
        onInput={(event) => setText(event.currentTarget.value)}
      />
      <button type="submit" disabled={empty || run.state === "running"}>
        Fetch
      </button>
    </form>
  );
}

/** Says what would go before anything goes. */
function CleanButtons() {
  const [offer, setOffer] = useState<string>();
  if (offer === undefined) {
    const onReport = (report: object) => setOffer(cleanOffer(report));
    return <ActionButton order={{ title: "Clean up…", name: "clean", body: { dry_run: true }, onReport }} />;
  }
  return (
    <>
      <ActionButton order={{ title: offer, name: "clean", body: {}, onReport: () => setOffer(undefined) }} danger />
      <button type="button" onClick={() => setOffer(undefined)}>
        Keep them
      </button>
    </>
  );
}

export function ActionsPanel({ status }: { readonly status: Status | undefined }) {
  return (
    <Panel id="actions" title="Do something">
      {status?.changes_over_tcp === false ? (
        <p class="small">
          Changes over the network are off; <code>[server] admin_token</code> switches them on. On the server's own
          machine the portcache command does the same.
        </p>
      ) : null}
      <div class="buttons">
        <CleanButtons />
        <ActionButton order={{ title: "Read the trees", name: "rescan", body: {} }} />
        <ActionButton order={{ title: "Verify the store", name: "verify", body: {} }} />
        <ActionButton order={{ title: "Verify and repair", name: "verify", body: { repair: true } }} />
      </div>
      <FetchForm />
    </Panel>
  );
}

export function FileActions({ name, stored }: { readonly name: string; readonly stored: boolean }) {
  const [sure, setSure] = useState(false);
  if (!stored) {
    return (
      <div class="buttons">
        <ActionButton order={{ title: "Fetch it now", name: "fetch", body: { names: [name] } }} />
      </div>
    );
  }
  if (!sure) {
    return (
      <div class="buttons">
        <button type="button" onClick={() => setSure(true)}>
          Remove it…
        </button>
      </div>
    );
  }
  const order: Order = {
    title: "Remove it for good",
    name: "drop",
    body: { names: [name] },
    onReport: () => setSure(false),
  };
  return (
    <div class="buttons">
      <ActionButton order={order} danger />
      <button type="button" onClick={() => setSure(false)}>
        Keep it
      </button>
    </div>
  );
}
