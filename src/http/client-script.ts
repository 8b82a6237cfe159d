/** Serves client.sh: what `portcache client` does, for machines without the executable, with this server's address in it. */
import script from "./client.sh" with { type: "text" };

/** A name or an address with its port (RFC 9110, section 7.2); it becomes a line of a script. */
const HOST = /^(?:[\w.-]{1,255}|\[[\da-f:.]{2,45}\])(?::\d{1,5})?$/i;

/** The script names the address by which it was asked for; where that is not plain, none. */
export function clientScript({ url, headers }: Pick<Request, "url" | "headers">): Response {
  const host = headers.get("host") ?? "";
  const address = HOST.test(host) ? `${new URL(url).protocol}//${host}` : "";
  return new Response(script.replace("@URL@", address), {
    headers: {
      "content-type": "text/x-shellscript; charset=utf-8",
      "cache-control": "no-store",
      "x-content-type-options": "nosniff",
    },
  });
}
