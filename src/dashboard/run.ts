/**
 * One action at a time, as components see it: not begun, under way, done, refused.
 */
import { useContext, useEffect, useRef, useState } from "preact/hooks";
import { type ActionLine, type ActionOrder, act, RefusedError } from "./api.ts";
import { TokenContext } from "./token.ts";

export type Progress = Extract<ActionLine, { kind: "progress" }>;

export type Run =
  | { readonly state: "none" }
  | { readonly state: "running"; readonly title: string; readonly progress: Progress | undefined }
  | { readonly state: "done"; readonly title: string; readonly words: string }
  | { readonly state: "refused"; readonly title: string; readonly words: string; readonly needsToken: boolean };

export interface Order<T> {
  readonly title: string;
  readonly name: ActionOrder["name"];
  readonly body: ActionOrder["body"];
  /** The report in a sentence. */
  readonly words: (report: T) => string;
}

export interface Runner {
  readonly run: Run;
  /** Gives the report, or undefined where it was refused or stopped. */
  begin<T>(order: Order<T>): Promise<T | undefined>;
  stop(): void;
}

const HTTP_UNAUTHORIZED = 401;
const HTTP_FORBIDDEN = 403;

function refused(title: string, error: unknown): Run {
  const status = error instanceof RefusedError ? error.status : 0;
  const words = error instanceof RefusedError ? error.message : "The server does not answer.";
  return { state: "refused", title, words, needsToken: status === HTTP_UNAUTHORIZED || status === HTTP_FORBIDDEN };
}

export function useRunner(): Runner {
  const keeper = useContext(TokenContext);
  const [run, setRun] = useState<Run>({ state: "none" });
  const ending = useRef<AbortController>(undefined);
  // Leaving the view stops what was begun there, as closing the connection does.
  useEffect(() => () => ending.current?.abort(), []);

  return {
    run,
    async begin<T>({ title, name, body, words }: Order<T>) {
      ending.current?.abort();
      const stopping = new AbortController();
      ending.current = stopping;
      const { signal } = stopping;
      setRun({ state: "running", title, progress: undefined });
      try {
        const onProgress = (progress: Progress) => setRun({ state: "running", title, progress });
        const report = await act<T>({ name, body, token: keeper.token, signal, onProgress });
        setRun({ state: "done", title, words: words(report) });
        return report;
      } catch (error) {
        if (signal.aborted) setRun({ state: "done", title, words: "stopped" });
        else setRun(refused(title, error));
        return undefined;
      }
    },
    stop: () => ending.current?.abort(),
  };
}
