/**
 * The status and the downloads under way, as the server sends them while something changes; and thereby whether it answers at
 * all. Where the stream breaks or falls silent the server is asked, and the stream begun anew, until it is back.
 */
import { useContext, useEffect, useState } from "preact/hooks";
import type { Downloads, Status } from "../api/schemas.ts";
import { apiPath, get, RefusedError } from "./api.ts";
import { ContactContext, useVisible } from "./hooks.ts";

export interface Live {
  readonly status: Status | undefined;
  readonly downloads: Downloads | undefined;
  /** Why the server will not tell. */
  readonly refusal: string | undefined;
}

const REOPEN_MS = 2000;
/** There is a status every two seconds; who is silent for so long is gone, even where no connection was closed. */
const SILENCE_MS = 7_000;
/** And so long may an answer take. */
const ANSWER_MS = 5_000;

export function useLive(): Live {
  const keeper = useContext(ContactContext);
  const visible = useVisible();
  const [status, setStatus] = useState<Status>();
  const [downloads, setDownloads] = useState<Downloads>();
  const [refusal, setRefusal] = useState<string>();

  useEffect(() => {
    if (!visible) return undefined;
    const ending = new AbortController();
    let source: EventSource | undefined;
    let silence: ReturnType<typeof setTimeout> | undefined;
    let reopen: ReturnType<typeof setTimeout> | undefined;

    const heard = () => {
      keeper.answered();
      setRefusal(undefined);
      clearTimeout(silence);
      silence = setTimeout(() => void broken(), SILENCE_MS);
    };

    // Browsers begin a broken stream anew after some failures and after others never: it is done here.
    const broken = async () => {
      source?.close();
      clearTimeout(silence);
      const signal = AbortSignal.any([ending.signal, AbortSignal.timeout(ANSWER_MS)]);
      try {
        setStatus(await get<Status>(apiPath("status"), signal));
        setRefusal(undefined);
        keeper.answered();
      } catch (error) {
        if (ending.signal.aborted) return;
        if (error instanceof RefusedError) {
          setRefusal(error.message);
          keeper.answered();
        } else keeper.missed();
      }
      if (!ending.signal.aborted) reopen = setTimeout(open, REOPEN_MS);
    };

    const open = () => {
      source = new EventSource(apiPath("events"));
      silence = setTimeout(() => void broken(), SILENCE_MS);
      source.addEventListener("status", (event) => {
        heard();
        setStatus(JSON.parse(event.data));
      });
      source.addEventListener("downloads", (event) => {
        heard();
        setDownloads(JSON.parse(event.data));
      });
      source.addEventListener("error", () => void broken());
    };

    open();
    return () => {
      ending.abort();
      source?.close();
      clearTimeout(silence);
      clearTimeout(reopen);
    };
  }, [visible, keeper]);

  return { status, downloads, refusal };
}
