/**
 * Polls the API for components, as hooks. While the page is hidden nothing is requested.
 */
import { createContext } from "preact";
import { useContext, useEffect, useState } from "preact/hooks";
import { ApiError, get } from "./api.ts";
import { type ConnectionMonitor, createConnectionMonitor, type ServerConnection } from "./connection.ts";

export const ConnectionContext = createContext<ConnectionMonitor>(createConnectionMonitor(Date.now));

/** The server's clock, in milliseconds since the epoch. */
export const NowContext = createContext<number>(0);

export function useNow(): number {
  return useContext(NowContext);
}

export function useConnection(): ServerConnection {
  const monitor = useContext(ConnectionContext);
  const [connection, setConnection] = useState(monitor.current);
  useEffect(() => monitor.subscribe(setConnection), [monitor]);
  return connection;
}

/** Returns whether the page is visible. */
export function useVisible(): boolean {
  const [visible, setVisible] = useState(!document.hidden);
  useEffect(() => {
    const onChange = () => setVisible(!document.hidden);
    document.addEventListener("visibilitychange", onChange);
    return () => document.removeEventListener("visibilitychange", onChange);
  }, []);
  return visible;
}

export interface Polled<T> {
  /** The latest data; undefined before the first response. */
  readonly data: T | undefined;
  /** Why the latest request failed. */
  readonly error: string | undefined;
}

/**
 * @param path as apiPath() returns it; undefined to request nothing
 * @param version of what is requested: another one is a reason to ask at once
 */
export function usePolled<T>(path: string | undefined, everyMs: number, version?: string): Polled<T> {
  const monitor = useContext(ConnectionContext);
  const { epoch } = useConnection();
  const visible = useVisible();
  const [response, setResponse] = useState<{ path?: string; data?: T; error?: string }>({});

  useEffect(() => {
    if (path === undefined || !visible) return undefined;
    const unmount = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const poll = async () => {
      try {
        const data = await get<T>(path, unmount.signal);
        monitor.succeeded();
        setResponse({ path, data });
      } catch (error) {
        if (unmount.signal.aborted) return;
        if (error instanceof ApiError) {
          monitor.succeeded();
          setResponse((before) => ({ ...(before.path === path ? before : {}), path, error: error.message }));
        } else {
          // The event stream notices when the server is back; the new epoch then starts this effect again.
          monitor.failed();
          return;
        }
      }
      timer = setTimeout(() => void poll(), everyMs);
    };
    void poll();
    return () => {
      unmount.abort();
      clearTimeout(timer);
    };
  }, [path, everyMs, visible, epoch, monitor, version]);

  const current = response.path === path ? response : undefined;
  return { data: current?.data, error: current?.error };
}
