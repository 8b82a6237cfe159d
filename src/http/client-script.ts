/** Serves client.sh: what `portcache client` does, for machines without the executable, with this server's address in it. */
import script from "./client.sh" with { type: "text" };
import { askedOrigin } from "./own-origin.ts";

/** The script names the address by which it was asked for; where that is not plain, none. */
export function clientScript(request: Pick<Request, "url" | "headers">): Response {
  return new Response(script.replace("@URL@", askedOrigin(request) ?? ""), {
    headers: {
      "content-type": "text/x-shellscript; charset=utf-8",
      "cache-control": "no-store",
      "x-content-type-options": "nosniff",
    },
  });
}
