/**
 * Runs one action at a time, whichever page is shown, and holds its state: idle, running, done, or failed. An action goes on when the
 * dashboard is closed, and is found again when it is opened.
 */
import { createContext } from "preact";
import { useContext, useEffect, useRef, useState } from "preact/hooks";
import type { ActionsResponse, Progress } from "../api/action-schemas.ts";
import type { ActionReports } from "../api/actions.ts";
import { keptText, keptTitle, reportText } from "./action-reports.ts";
import { type ActionRequest, ApiError, apiPath, type DashboardAction, get, runAction, stopAction } from "./api.ts";
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

/** How often a page that did not start an action asks how far it is. */
const FOLLOW_MS = 1_000;
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

function keptState(kept: ActionsResponse["actions"][number]): ActionState {
  const title = keptTitle(kept);
  if (kept.ended_at === null) return { state: "running", title, progress: kept.progress ?? undefined };
  const text = keptText(kept);
  return kept.error === null ? { state: "done", title, text } : { state: "failed", title, text, needsToken: false };
}

export function useActionControl(): ActionControl {
  const tokens = useContext(TokenContext);
  const connection = useContext(ConnectionContext);
  const [action, setAction] = useState<ActionState>({ state: "idle" });
  const current = useRef<AbortController>(undefined);
  const latest = useRef<TitledRequest>(undefined);
  /** The running action's, once the server has sent it. */
  const id = useRef<string>(undefined);

  /** Shows an action that another page started, or this one before its connection broke, until it ends. */
  async function follow(kept: string, abort: AbortController): Promise<void> {
    current.current = abort;
    id.current = kept;
    const isCurrent = () => current.current === abort && !abort.signal.aborted;
    while (isCurrent()) {
      const { actions } = await get<ActionsResponse>(apiPath("actions"), abort.signal).catch(() => ({ actions: [] }));
      const found = actions.find((one) => one.id === kept);
      if (found && isCurrent()) setAction(keptState(found));
      if (found && found.ended_at !== null) return connection.refresh();
      await new Promise((resolve) => setTimeout(resolve, FOLLOW_MS));
    }
  }

  useEffect(() => {
    const abort = new AbortController();
    get<ActionsResponse>(apiPath("actions"), abort.signal)
      .then(({ actions }) => {
        const running = actions.find(({ ended_at }) => ended_at === null);
        if (running && current.current === undefined) void follow(running.id, abort);
      })
      // The page says that the server does not respond.
      .catch(() => undefined);
    return () => abort.abort();
  }, []);

  async function run(request: TitledRequest): Promise<void> {
    current.current?.abort();
    const abort = new AbortController();
    current.current = abort;
    id.current = undefined;
    const { title, name, onReport } = request;
    // An action that was replaced by another no longer updates the state.
    const update = (next: ActionState) => current.current === abort && setAction(next);
    update({ state: "running", title, progress: undefined });
    try {
      const report = await runAction(request, {
        token: tokens.token,
        signal: abort.signal,
        onProgress: (progress) => update({ state: "running", title, progress }),
        onKept: (kept) => {
          id.current = kept;
        },
      });
      update({ state: "done", title, text: reportText(name, report) });
      onReport?.(report);
    } catch (error) {
      // The connection broke, not the action.
      if (id.current !== undefined && !(error instanceof ApiError) && !abort.signal.aborted) {
        return await follow(id.current, abort);
      }
      update(
        abort.signal.aborted
          ? { state: "done", title, text: "stopped" }
          : failedState(title, error, tokens.token !== ""),
      );
    }
    connection.refresh();
  }

  function stop(): void {
    current.current?.abort();
    const title = action.state === "idle" ? "" : action.title;
    if (id.current === undefined) return;
    stopAction(id.current, tokens.token).then(
      () => setAction({ state: "done", title, text: "stopped" }),
      (error: unknown) => setAction(failedState(title, error, tokens.token !== "")),
    );
  }

  return {
    action,
    start(request) {
      latest.current = request;
      void run(request);
    },
    retry() {
      if (latest.current) void run(latest.current);
      else stop();
    },
    stop,
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
