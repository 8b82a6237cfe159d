/**
 * Takes a file by drag and drop or from a file dialog, and sends it to the server, which stores it if a Manifest confirms it.
 */
import { useContext, useEffect, useId, useRef, useState } from "preact/hooks";
import { TokenForm } from "./action-status.tsx";
import { ApiError, uploadFile } from "./api.ts";
import { StatusIcon } from "./components.tsx";
import { formatBytes, formatSpeed } from "./format.ts";
import { ConnectionContext } from "./hooks.ts";
import { TokenContext } from "./token.ts";

type UploadState =
  | { readonly kind: "idle" }
  | { readonly kind: "sending"; readonly file: File; readonly sent: number; readonly startedAt: number }
  | { readonly kind: "failed"; readonly file: File; readonly text: string; readonly needsToken: boolean };

const UNAUTHORIZED = 401;

function failed(file: File, error: unknown, hadToken: boolean): UploadState {
  if (!(error instanceof ApiError)) {
    return {
      kind: "failed",
      file,
      text: "The connection to the server was lost: nothing was stored.",
      needsToken: false,
    };
  }
  const needsToken = error.status === UNAUTHORIZED;
  const text = needsToken && !hadToken ? "An upload needs the admin token ([server] admin_token)." : error.message;
  return { kind: "failed", file, text, needsToken };
}

/** Sends one file at a time, until the component goes. */
function useUpload(name: string) {
  const tokens = useContext(TokenContext);
  const connection = useContext(ConnectionContext);
  const [state, setState] = useState<UploadState>({ kind: "idle" });
  const current = useRef<AbortController>(undefined);
  const stop = () => current.current?.abort();
  useEffect(() => stop, [name]);

  async function send(file: File): Promise<void> {
    stop();
    const abort = new AbortController();
    current.current = abort;
    const update = (next: UploadState) => !abort.signal.aborted && setState(next);
    const startedAt = performance.now();
    update({ kind: "sending", file, sent: 0, startedAt });
    try {
      await uploadFile(name, file, {
        token: tokens.token,
        signal: abort.signal,
        onProgress: (sent) => update({ kind: "sending", file, sent, startedAt }),
      });
      update({ kind: "idle" });
      // The file is shown as stored, in place of this.
      connection.refresh();
    } catch (error) {
      update(failed(file, error, tokens.token !== ""));
    }
  }

  return {
    state,
    send: (file: File) => void send(file),
    stop() {
      stop();
      setState({ kind: "idle" });
    },
  };
}

function Sending({
  state,
  onStop,
}: {
  readonly state: UploadState & { kind: "sending" };
  readonly onStop: () => void;
}) {
  const { file, sent, startedAt } = state;
  const speed = (sent * 1000) / Math.max(1, performance.now() - startedAt);
  const isSent = sent > 0 && sent >= file.size;
  return (
    <div class="upload">
      <progress aria-label={`Upload of ${file.name}`} max={file.size || 1} value={sent} />
      <div class="line">
        <p class="small">
          {isSent
            ? "Sent; the server checks it."
            : `${formatBytes(sent)} of ${formatBytes(file.size)}, ${formatSpeed(speed)}`}
        </p>
        <button type="button" onClick={onStop}>
          Stop
        </button>
      </div>
      <p class="small">Leaving this page stops it.</p>
    </div>
  );
}

export function Upload({ name }: { readonly name: string }) {
  const { state, send, stop } = useUpload(name);
  const [over, setOver] = useState(false);
  const id = useId();
  const take = (files: FileList | null | undefined) => {
    const file = files?.[0];
    if (file) send(file);
  };
  if (state.kind === "sending") return <Sending state={state} onStop={stop} />;
  return (
    <div class="upload">
      <fieldset
        class={over ? "drop-zone over" : "drop-zone"}
        onDragOver={(event) => {
          event.preventDefault();
          setOver(true);
        }}
        onDragLeave={() => setOver(false)}
        onDrop={(event) => {
          event.preventDefault();
          setOver(false);
          take(event.dataTransfer?.files);
        }}
      >
        <label for={id}>Upload the file: drop it here, or choose it</label>
        <input
          id={id}
          type="file"
          onChange={(event) => {
            take(event.currentTarget.files);
            // The same file may be chosen again.
            event.currentTarget.value = "";
          }}
        />
      </fieldset>
      <div role="status">
        {state.kind === "failed" ? (
          <p class="upload-problem">
            <StatusIcon tone="bad" />
            {state.text}
          </p>
        ) : null}
      </div>
      {state.kind === "failed" && state.needsToken ? <TokenForm onSubmit={() => send(state.file)} /> : null}
    </div>
  );
}
