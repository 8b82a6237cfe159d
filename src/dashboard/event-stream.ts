/**
 * Receives status, downloads and the id of the latest request as server-sent events. When the stream breaks or goes silent, the status is requested once and
 * the stream opened again, until the server is back.
 */
import { useContext, useEffect, useState } from "preact/hooks";
import type { DownloadsResponse, Status } from "../api/schemas.ts";
import { ApiError, apiPath, get } from "./api.ts";
import { ConnectionContext, useVisible } from "./hooks.ts";

export interface LiveState {
  readonly status: Status | undefined;
  readonly downloads: DownloadsResponse | undefined;
  /** Id of the latest request of a client. */
  readonly latestRequest: string | undefined;
  /** Why the server refuses to send them. */
  readonly error: string | undefined;
}

const REOPEN_MS = 2000;
/** The server sends a status every two seconds; a longer silence means a dead connection, even if none was closed. */
const SILENCE_MS = 7_000;
const STATUS_TIMEOUT_MS = 5_000;

export function useEventStream(): LiveState {
  const monitor = useContext(ConnectionContext);
  const visible = useVisible();
  const [status, setStatus] = useState<Status>();
  const [downloads, setDownloads] = useState<DownloadsResponse>();
  const [latestRequest, setLatestRequest] = useState<string>();
  const [errorMessage, setErrorMessage] = useState<string>();

  useEffect(() => {
    if (!visible) return undefined;
    const unmount = new AbortController();
    let source: EventSource | undefined;
    let silenceTimer: ReturnType<typeof setTimeout> | undefined;
    let reopenTimer: ReturnType<typeof setTimeout> | undefined;

    const onEvent = () => {
      monitor.succeeded();
      setErrorMessage(undefined);
      clearTimeout(silenceTimer);
      silenceTimer = setTimeout(() => void reopen(), SILENCE_MS);
    };

    // Browsers reconnect a broken EventSource after some errors and not after others, so it is always done here.
    const reopen = async () => {
      source?.close();
      clearTimeout(silenceTimer);
      const signal = AbortSignal.any([unmount.signal, AbortSignal.timeout(STATUS_TIMEOUT_MS)]);
      try {
        setStatus(await get<Status>(apiPath("status"), signal));
        setErrorMessage(undefined);
        monitor.succeeded();
      } catch (error) {
        if (unmount.signal.aborted) return;
        if (error instanceof ApiError) {
          setErrorMessage(error.message);
          monitor.succeeded();
        } else monitor.failed();
      }
      if (!unmount.signal.aborted) reopenTimer = setTimeout(open, REOPEN_MS);
    };

    const open = () => {
      source = new EventSource(apiPath("events"));
      silenceTimer = setTimeout(() => void reopen(), SILENCE_MS);
      source.addEventListener("status", (event) => {
        onEvent();
        setStatus(JSON.parse(event.data));
      });
      source.addEventListener("downloads", (event) => {
        onEvent();
        setDownloads(JSON.parse(event.data));
      });
      source.addEventListener("requests", (event) => {
        onEvent();
        setLatestRequest(JSON.parse(event.data).latest);
      });
      source.addEventListener("error", () => void reopen());
    };

    open();
    return () => {
      unmount.abort();
      source?.close();
      clearTimeout(silenceTimer);
      clearTimeout(reopenTimer);
    };
  }, [visible, monitor]);

  return { status, downloads, latestRequest, error: errorMessage };
}
