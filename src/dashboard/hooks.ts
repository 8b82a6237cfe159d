/**
 * What components see of the server's answers, asked for again and again. A page that nobody looks at asks for nothing.
 */
import { createContext } from "preact";
import { useContext, useEffect, useState } from "preact/hooks";
import { get, RefusedError } from "./api.ts";
import { type Contact, type ContactKeeper, createContact } from "./contact.ts";

export const ContactContext = createContext<ContactKeeper>(createContact(Date.now));

/** The server's clock, in milliseconds since the epoch. */
export const NowContext = createContext<number>(0);

export function useNow(): number {
  return useContext(NowContext);
}

export function useContact(): Contact {
  const keeper = useContext(ContactContext);
  const [contact, setContact] = useState(keeper.current);
  useEffect(() => keeper.subscribe(setContact), [keeper]);
  return contact;
}

/** Whether somebody can see the page. */
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
  /** The latest answer; undefined before the first. */
  readonly data: T | undefined;
  /** Why the latest answer was none. */
  readonly refusal: string | undefined;
}

/** @param path as apiPath() gives it; undefined: nothing is asked */
export function usePolled<T>(path: string | undefined, everyMs: number): Polled<T> {
  const keeper = useContext(ContactContext);
  const { epoch } = useContact();
  const visible = useVisible();
  const [answer, setAnswer] = useState<{ path?: string; data?: T; refusal?: string }>({});

  useEffect(() => {
    if (path === undefined || !visible) return undefined;
    const ending = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const ask = async () => {
      try {
        const data = await get<T>(path, ending.signal);
        keeper.answered();
        setAnswer({ path, data });
      } catch (error) {
        if (ending.signal.aborted) return;
        if (error instanceof RefusedError) {
          keeper.answered();
          setAnswer((before) => ({ ...(before.path === path ? before : {}), path, refusal: error.message }));
        } else {
          // The live stream finds out when it is back; then there is a new epoch.
          keeper.missed();
          return;
        }
      }
      timer = setTimeout(() => void ask(), everyMs);
    };
    void ask();
    return () => {
      ending.abort();
      clearTimeout(timer);
    };
  }, [path, everyMs, visible, epoch, keeper]);

  const current = answer.path === path ? answer : undefined;
  return { data: current?.data, refusal: current?.refusal };
}
