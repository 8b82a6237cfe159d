/**
 * Keeps the admin token in the browser's session storage, so until the tab is closed. It is sent with actions only.
 */
import { createContext } from "preact";

const KEY = "portcache-admin-token";

export interface TokenStore {
  /** Empty if there is none. */
  readonly token: string;
  /** @param token empty to remove it */
  set(token: string): void;
}

export function createTokenStore(storage: Pick<Storage, "getItem" | "setItem" | "removeItem">): TokenStore {
  return {
    get token() {
      return storage.getItem(KEY) ?? "";
    },
    set(token) {
      if (token === "") storage.removeItem(KEY);
      else storage.setItem(KEY, token);
    },
  };
}

export const TokenContext = createContext<TokenStore>({ token: "", set: () => undefined });
