/**
 * Runs one action at a time, whichever view is shown, and holds its state: idle, running, done, or failed.
 */
import { createContext } from "preact";
import { useContext, useRef, useState } from "preact/hooks";
import type { Progress } from "../api/action-schemas.ts";
import type { ActionReports } from "../api/actions.ts";
import { reportText } from "./action-reports.ts";
import { type ActionRequest, ApiError, type DashboardAction, runAction } from "./api.ts";
import { ConnectionContext } from "./hooks.ts";
import { TokenContext } from "./token.ts";

export type ActionState =
  | { readonly state: "idle" }
  | { readonly state: "running"; readonly title: string; readonly progress: Progress | undefined }
  | { readonly state: "done"; readonly title: string; readonly text: string }
  | { readonly state: "failed"; readonly title: string; readonly text: string; readonly needsToken: boolean };

export interface TitledRequest extends ActionRequest {
  /** The text of its button. */
  readonly title: string;
  /** Called when the action has succeeded. */
  readonly onReport?: (report: ActionReports[DashboardAction]) => void;
}

export interface ActionControl {
  readonly action: ActionState;
  start(request: TitledRequest): void;
  /** Runs the latest action again. */
  retry(): void;
  stop(): void;
  dismiss(): void;
}

const HTTP_UNAUTHORIZED = 401;

const TOKEN_NEEDED = "needs the admin token ([server] admin_token).";

function failedState(title: string, error: unknown, hadToken: boolean): ActionState {
  if (!(error instanceof ApiError)) {
    return { state: "failed", title, text: "The server does not respond.", needsToken: false };
  }
  const needsToken = error.status === HTTP_UNAUTHORIZED;
  // The server's message explains the HTTP header, which is of no use on this page.
  return { state: "failed", title, text: needsToken && !hadToken ? TOKEN_NEEDED : error.message, needsToken };
}

export function useActionControl(): ActionControl {
  const tokens = useContext(TokenContext);
  const connection = useContext(ConnectionContext);
  const [action, setAction] = useState<ActionState>({ state: "idle" });
  const current = useRef<AbortController>(undefined);
  const latest = useRef<TitledRequest>(undefined);

  async function run(request: TitledRequest): Promise<void> {
    current.current?.abort();
    const abort = new AbortController();
    current.current = abort;
    const { title, name, onReport } = request;
    // An action that was replaced by another no longer updates the state.
    const update = (next: ActionState) => current.current === abort && setAction(next);
    update({ state: "running", title, progress: undefined });
    try {
      const report = await runAction(request, {
        token: tokens.token,
        signal: abort.signal,
        onProgress: (progress) => update({ state: "running", title, progress }),
      });
      update({ state: "done", title, text: reportText(name, report) });
      onReport?.(report);
    } catch (error) {
      update(
        abort.signal.aborted
          ? { state: "done", title, text: "stopped" }
          : failedState(title, error, tokens.token !== ""),
      );
    }
    connection.refresh();
  }

  return {
    action,
    start(request) {
      latest.current = request;
      void run(request);
    },
    retry: () => latest.current && void run(latest.current),
    stop: () => current.current?.abort(),
    dismiss: () => setAction({ state: "idle" }),
  };
}

export const ActionContext = createContext<ActionControl>({
  action: { state: "idle" },
  start: () => undefined,
  retry: () => undefined,
  stop: () => undefined,
  dismiss: () => undefined,
});
