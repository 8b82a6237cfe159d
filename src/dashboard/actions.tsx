/**
 * What an admin can have done from here: clean, rescan, verify, fetch, and drop one file. The server decides whether it may
 * be; where it wants a token, it is asked for.
 */
import { useId, useState } from "preact/hooks";
import type { Status } from "../http/api/schemas.ts";
import { formatBytes, plural } from "./format.ts";
import { Panel } from "./parts.tsx";
import { type CleanReport, type Report, reportWords } from "./reports.ts";
import { type Runner, useRunner } from "./run.ts";
import { RunStatus } from "./runs.tsx";

/** Names or packages, as people type or paste them. */
export function parseOrder(text: string): { readonly names: string[]; readonly packages: string[] } {
  const words = text.split(/[\s,]+/).filter((word) => word !== "");
  // A distfile's name has no slash, a package's has one.
  return { names: words.filter((word) => !word.includes("/")), packages: words.filter((word) => word.includes("/")) };
}

function FetchForm({ runner }: { readonly runner: Runner }) {
  const [text, setText] = useState("");
  const id = useId();
  const order = parseOrder(text);
  const empty = order.names.length + order.packages.length === 0;
  return (
    <form
      class="fetch"
      onSubmit={(event) => {
        event.preventDefault();
        if (empty) return;
        void runner.begin<Report>({
          title: "Fetch",
          name: "fetch",
          body: order,
          words: (report) => reportWords(report),
        });
      }}
    >
      <label for={id}>Fetch ahead of need</label>
      <input
        id={id}
        placeholder="dev-lang/rust or rustc-1.91.0.tar.xz"
        value={text}
        onInput={(event) => setText(event.currentTarget.value)}
      />
      <button type="submit" disabled={empty}>
        Fetch
      </button>
    </form>
  );
}

/** Says what would go before anything goes. */
function CleanButton({ runner }: { readonly runner: Runner }) {
  const [plan, setPlan] = useState<CleanReport>();
  const order = {
    title: "Clean up",
    name: "clean",
    words: (report: CleanReport) => reportWords(report),
  } as const;
  const look = async () => setPlan(await runner.begin({ ...order, body: { dry_run: true } }));
  const go = async () => {
    setPlan(undefined);
    await runner.begin({ ...order, body: {} });
  };
  if (!plan || plan.files === 0) {
    return (
      <button type="button" onClick={() => void look()}>
        Clean up…
      </button>
    );
  }
  return (
    <span class="sure">
      <button type="button" class="danger" onClick={() => void go()}>
        Remove {plural(plan.files, "file")}, {formatBytes(plan.bytes)}
      </button>
      <button type="button" onClick={() => setPlan(undefined)}>
        Keep them
      </button>
    </span>
  );
}

export function ActionsPanel({ status }: { readonly status: Status | undefined }) {
  const runner = useRunner();
  const begin = (title: string, name: "rescan" | "verify", body: Readonly<Record<string, unknown>>) => () =>
    void runner.begin<Report>({ title, name, body, words: (report) => reportWords(report) });
  return (
    <Panel id="actions" title="Do something">
      {status?.changes_over_tcp === false ? (
        <p class="small">
          Changes over the network are off: <code>[server] admin_token</code> switches them on. On the server's own
          machine the portcache command does the same.
        </p>
      ) : null}
      <div class="buttons">
        <CleanButton runner={runner} />
        <button type="button" onClick={begin("Read the trees", "rescan", {})}>
          Read the trees
        </button>
        <button type="button" onClick={begin("Verify", "verify", {})}>
          Verify the store
        </button>
        <button type="button" onClick={begin("Verify and repair", "verify", { repair: true })}>
          Verify and repair
        </button>
      </div>
      <FetchForm runner={runner} />
      <RunStatus runner={runner} />
    </Panel>
  );
}

interface FileActionsProps {
  readonly name: string;
  readonly stored: boolean;
  /** Called when something was done. */
  readonly onChanged: () => void;
}

export function FileActions({ name, stored, onChanged }: FileActionsProps) {
  const runner = useRunner();
  const [sure, setSure] = useState(false);
  const begin = async (title: string, action: "fetch" | "drop") => {
    setSure(false);
    await runner.begin<Report>({
      title,
      name: action,
      body: { names: [name] },
      words: (report) => reportWords(report),
    });
    onChanged();
  };
  return (
    <>
      <div class="buttons">
        {stored ? null : (
          <button type="button" onClick={() => void begin("Fetch", "fetch")}>
            Fetch it now
          </button>
        )}
        {stored && !sure ? (
          <button type="button" onClick={() => setSure(true)}>
            Remove it…
          </button>
        ) : null}
        {stored && sure ? (
          <>
            <button type="button" class="danger" onClick={() => void begin("Remove", "drop")}>
              Remove it for good
            </button>
            <button type="button" onClick={() => setSure(false)}>
              Keep it
            </button>
          </>
        ) : null}
      </div>
      <RunStatus runner={runner} />
    </>
  );
}
