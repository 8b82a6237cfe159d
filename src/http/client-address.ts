/**
 * Finds the address of the client that a request comes from: that of the connection, or behind trusted proxies the one that they
 * name in X-Forwarded-For or Forwarded (RFC 7239), read from the right: what stands further left anybody may have sent.
 */
import { isIP } from "node:net";
import { type AddressList, plainAddress } from "./allow.ts";
import type { Peers } from "./dashboard.ts";

/** A trusted proxy does not say whom it asks for, or says two things: limits count it as one client, and `allow` does not have it. */
export const UNKNOWN_CLIENT = "unknown";

/** Field values are read so far. */
const MAX_FORWARDED_CHARACTERS = 4 * 1024;
/** Addresses in a field. */
const MAX_HOPS = 32;

/** `192.0.2.1`, `192.0.2.1:4711`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:4711`; undefined for all else, such as `_hidden`. */
function addressIn(node: string): string | undefined {
  const text = node.trim();
  const inBrackets = /^\[([0-9a-f:.]+)\](?::\d{1,5})?$/i.exec(text)?.[1];
  const address = plainAddress(inBrackets ?? (isIP(text) === 6 ? text : text.replace(/:\d{1,5}$/, "")));
  return isIP(address) === 0 ? undefined : address.toLowerCase();
}

/** The `for` of each element of a Forwarded field; its values are tokens or quoted. */
function forwardedNodes(value: string): readonly string[] {
  return value.split(",").map((element) => {
    const pair = element.split(";").find((one) => /^\s*for\s*=/i.test(one));
    return (pair?.slice(pair.indexOf("=") + 1) ?? "").trim().replace(/^"(.*)"$/, "$1");
  });
}

/** Returns the first address from the right that is no trusted proxy; of trusted ones alone the leftmost. */
function clientIn(nodes: readonly string[], trusted: AddressList): string {
  if (nodes.length > MAX_HOPS) return UNKNOWN_CLIENT;
  let client = UNKNOWN_CLIENT;
  for (const node of nodes.toReversed()) {
    client = addressIn(node) ?? UNKNOWN_CLIENT;
    if (!trusted.has(client)) return client;
  }
  return client;
}

/** @returns undefined where no proxy has forwarded the request */
function forwardedClient({ headers }: Request, trusted: AddressList): string | undefined {
  const [listed, forwarded] = [headers.get("x-forwarded-for"), headers.get("forwarded")];
  if (Math.max(listed?.length ?? 0, forwarded?.length ?? 0) > MAX_FORWARDED_CHARACTERS) return UNKNOWN_CLIENT;
  const clients = [
    ...(listed === null ? [] : [clientIn(listed.split(","), trusted)]),
    ...(forwarded === null ? [] : [clientIn(forwardedNodes(forwarded), trusted)]),
  ];
  // A proxy that sets one field may pass on what a client sent as the other.
  return clients.length === 2 && clients[0] !== clients[1] ? UNKNOWN_CLIENT : clients[0];
}

/** Returns the plain address of the client; empty where the connection has none. */
export type AddressOf = (request: Request, peers: Peers | null) => string;

/** @param trusted returns the trusted proxies; undefined where there are none */
export function createAddressOf(trusted: () => AddressList | undefined): AddressOf {
  return (request, peers) => {
    const peer = plainAddress(peers?.requestIP(request)?.address ?? "");
    const proxies = trusted();
    if (proxies === undefined || !proxies.has(peer)) return peer;
    return forwardedClient(request, proxies) ?? peer;
  };
}
