/**
 * The admin's token, kept by the browser for as long as this tab is open, and sent nowhere but to this server's actions.
 */
import { createContext } from "preact";

const KEY = "portcache-admin-token";

export interface TokenKeeper {
  readonly token: string;
  /** Empty forgets it. */
  keep(token: string): void;
}

export function createToken(storage: Pick<Storage, "getItem" | "setItem" | "removeItem">): TokenKeeper {
  return {
    get token() {
      return storage.getItem(KEY) ?? "";
    },
    keep(token) {
      if (token === "") storage.removeItem(KEY);
      else storage.setItem(KEY, token);
    },
  };
}

export const TokenContext = createContext<TokenKeeper>({ token: "", keep: () => undefined });
