/**
 * The dashboard begins here, in the browser.
 */
import { render } from "preact";
import { App } from "./app.tsx";
import { createContact } from "./contact.ts";
import { ContactContext } from "./hooks.ts";
import { createToken, TokenContext } from "./token.ts";

const page = document.getElementById("page");
if (page) {
  render(
    <ContactContext.Provider value={createContact(Date.now)}>
      <TokenContext.Provider value={createToken(sessionStorage)}>
        <App />
      </TokenContext.Provider>
    </ContactContext.Provider>,
    page,
  );
}
