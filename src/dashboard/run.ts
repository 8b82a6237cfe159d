/**
 * The action that was asked for from this page: one at a time, whichever view is shown. Not begun, under way, done, refused.
 */
import { createContext } from "preact";
import { useContext, useRef, useState } from "preact/hooks";
import { type ActionLine, type ActionOrder, act, RefusedError } from "./api.ts";
import { ContactContext } from "./hooks.ts";
import { reportWords } from "./reports.ts";
import { TokenContext } from "./token.ts";

export type Progress = Extract<ActionLine, { kind: "progress" }>;

export type Run =
  | { readonly state: "none" }
  | { readonly state: "running"; readonly title: string; readonly progress: Progress | undefined }
  | { readonly state: "done"; readonly title: string; readonly words: string }
  | { readonly state: "refused"; readonly title: string; readonly words: string; readonly needsToken: boolean };

export interface Order {
  /** What a person calls it. */
  readonly title: string;
  readonly name: ActionOrder["name"];
  readonly body: ActionOrder["body"];
  /** Given the report when all went well. */
  readonly onReport?: (report: object) => void;
}

export interface Runner {
  readonly run: Run;
  begin(order: Order): void;
  /** What was asked for last. */
  again(): void;
  stop(): void;
  /** Forgets what was told of it. */
  dismiss(): void;
}

const HTTP_UNAUTHORIZED = 401;

const TOKEN_WANTED = "This takes the token that [server] admin_token has.";

function refused(title: string, error: unknown, hadToken: boolean): Run {
  if (!(error instanceof RefusedError)) {
    return { state: "refused", title, words: "The server does not answer.", needsToken: false };
  }
  const needsToken = error.status === HTTP_UNAUTHORIZED;
  // The server's own words are for programs, which send headers.
  return { state: "refused", title, words: needsToken && !hadToken ? TOKEN_WANTED : error.message, needsToken };
}

export function useRunner(): Runner {
  const tokens = useContext(TokenContext);
  const contact = useContext(ContactContext);
  const [run, setRun] = useState<Run>({ state: "none" });
  const ending = useRef<AbortController>(undefined);
  const latest = useRef<Order>(undefined);

  async function perform({ title, name, body, onReport }: Order): Promise<void> {
    ending.current?.abort();
    const stopping = new AbortController();
    ending.current = stopping;
    const { signal } = stopping;
    // Of one that another took the place of, nothing is told any more.
    const tell = (next: Run) => ending.current === stopping && setRun(next);
    tell({ state: "running", title, progress: undefined });
    try {
      const onProgress = (progress: Progress) => tell({ state: "running", title, progress });
      const report = await act<object>({ name, body, token: tokens.token, signal, onProgress });
      tell({ state: "done", title, words: reportWords(name, report) });
      onReport?.(report);
    } catch (error) {
      tell(signal.aborted ? { state: "done", title, words: "stopped" } : refused(title, error, tokens.token !== ""));
    }
    contact.changed();
  }

  return {
    run,
    begin(order) {
      latest.current = order;
      void perform(order);
    },
    again: () => latest.current && void perform(latest.current),
    stop: () => ending.current?.abort(),
    dismiss: () => setRun({ state: "none" }),
  };
}

export const RunnerContext = createContext<Runner>({
  run: { state: "none" },
  begin: () => undefined,
  again: () => undefined,
  stop: () => undefined,
  dismiss: () => undefined,
});
