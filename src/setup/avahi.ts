/**
 * Writes the service file by which Avahi announces the server in the local network (DNS-SD, RFC 6763), and reads what avahi-browse
 * finds (pure).
 */

import { shown } from "../lib/text.ts";

/** RFC 6335 5.1: at most 15 characters. */
export const SERVICE_TYPE = "_portcache._tcp";

/** Where the server listens, by its configuration. */
export interface Announced {
  readonly port: number;
  readonly isTls: boolean;
}

/** The text of a file in /etc/avahi/services (avahi.service(5)); Avahi puts the machine's name in the place of %h. */
export function formatAvahiService({ port, isTls }: Announced): string {
  return `<?xml version="1.0" standalone="no"?>
<!DOCTYPE service-group SYSTEM "avahi-service.dtd">
<!-- Announces the server to clients of the network. After a change of the port, run portcache setup again. -->
<service-group>
  <name replace-wildcards="yes">portcache on %h</name>
  <service>
    <type>${SERVICE_TYPE}</type>
    <port>${port}</port>
    <txt-record>scheme=${isTls ? "https" : "http"}</txt-record>
  </service>
</service-group>
`;
}

export interface DiscoveredServer {
  readonly name: string;
  readonly url: string;
  readonly address: string;
}

/** avahi-browse writes every byte that is not plain as \DDD, in decimal (avahi_escape_label). */
function unescaped(text: string): string {
  const bytes = text
    .split(/(\\\d{3}|\\.)/)
    .flatMap((part) =>
      /^\\\d/.test(part) ? [Number(part.slice(1)) & 0xff] : [...new TextEncoder().encode(part.replace(/^\\/, ""))],
    );
  return new TextDecoder().decode(Uint8Array.from(bytes));
}

/**
 * Reads the output of `avahi-browse --parsable --resolve --terminate`: lines of `=;interface;IPv4;name;type;domain;host;address;port;txt`.
 * A server that answers on several interfaces or by both protocols is listed once, by IPv4 where it has it.
 */
export function parseAvahiBrowse(output: string): readonly DiscoveredServer[] {
  const servers = new Map<string, DiscoveredServer>();
  const lines = output.split("\n").map((line) => line.split(";"));
  for (const protocol of ["IPv4", "IPv6"]) {
    for (const [event, , family, name = "", , , host = "", address = "", port = "", ...txt] of lines) {
      // What others announce becomes a line of a configuration: only what a host name and a port can be.
      if (event !== "=" || family !== protocol || !/^[\w.-]{1,255}$/.test(host) || !/^\d{1,5}$/.test(port)) continue;
      const scheme = txt.join(";").includes('"scheme=https"') ? "https" : "http";
      const url = `${scheme}://${host}:${port}`;
      if (!servers.has(url)) servers.set(url, { name: shown(unescaped(name)), url, address: shown(address) });
    }
  }
  return [...servers.values()];
}
