/**
 * Starts the dashboard in the browser.
 */
import { render } from "preact";
import { App } from "./app.tsx";
import { createConnectionMonitor } from "./connection.ts";
import { ConnectionContext } from "./hooks.ts";
import { createTokenStore, TokenContext } from "./token.ts";

const page = document.getElementById("page");
if (page) {
  render(
    <ConnectionContext.Provider value={createConnectionMonitor(Date.now)}>
      <TokenContext.Provider value={createTokenStore(sessionStorage)}>
        <App />
      </TokenContext.Provider>
    </ConnectionContext.Provider>,
    page,
  );
}
