/**
 * Checks through the whole server that the client behind a trusted proxy is the one that counts.
 */
import { expect, test } from "bun:test";
import * as v from "valibot";
import { ClientsSchema } from "../api/client-schemas.ts";
import { startFakeUpstream } from "../testing/fake-upstream.ts";
import { startServer } from "../testing/server.ts";
import { createTempFolder } from "../testing/temp.ts";

async function statuses(url: string, client: string): Promise<number[]> {
  const headers = { "x-forwarded-for": `127.0.0.1, ${client}` };
  const paths = ["/distfiles/layout.conf", "/api/v1/clients", "/metrics", "/client.sh"];
  return await Promise.all(paths.map(async (path) => (await fetch(url + path, { headers })).status));
}

test.each([
  ["127.0.0.1", [200, 200, 200, 200], [403, 403, 403, 403], ["192.0.2.1", "198.51.100.1", "unknown"]],
  ["10.0.0.1", [200, 200, 200, 200], [200, 200, 200, 200], ["127.0.0.1"]],
])(
  "behind %s, `allow` and the statistics have the client",
  async (proxy, allowed, others, clients) => {
    using folder = createTempFolder();
    await using mirror = await startFakeUpstream();
    await using server = await startServer({
      location: folder.file("store"),
      mirrors: [mirror.url],
      repos: [],
      settings: { "server.trusted_proxies": proxy, "server.allow": "192.0.2.0/24" },
    });
    expect(await statuses(server.url, "192.0.2.1")).toEqual(allowed);
    expect(await statuses(server.url, "198.51.100.1")).toEqual(others);
    expect(await statuses(server.url, "_hidden")).toEqual(others);
    const listed = v.parse(ClientsSchema, await (await fetch(`${server.url}/api/v1/clients`)).json()).clients;
    expect(listed.map(({ address }) => address).toSorted()).toEqual(clients);
  },
  30_000,
);
