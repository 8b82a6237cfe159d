/**
 * Which address to hand to the platform for `[server] address`.
 */
import { existsSync } from "node:fs";

/** Where the kernel has no IPv6, `::` can't be listened on. */
export function listenAddress(address: string): string {
  return address === "::" && !existsSync("/proc/net/if_inet6") ? "0.0.0.0" : address;
}
