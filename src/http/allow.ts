/**
 * Decides which clients are served: those in `[server] allow`, and always this machine.
 */
import { BlockList, isIP } from "node:net";

/** Returns an IPv4-mapped address, as a dual-stack socket shows IPv4 clients (RFC 4291, section 2.5.5.2), as plain IPv4. */
export function plainAddress(address: string): string {
  return address.startsWith("::") ? address.replace(/^::ffff:(?=\d+\.)/i, "") : address;
}

/**
 * Returns whom the limits for one client count: of IPv6 the network of 64 bits, as a client has all addresses of its network (RFC 4291,
 * section 2.5.4; RFC 8981).
 * @param address as plainAddress() gives it
 */
export function clientOf(address: string): string {
  if (isIP(address) !== 6) return address;
  const [before = "", after] = address.split("%", 1)[0]?.split("::") ?? [];
  const head = before.split(":").filter((group) => group !== "");
  const tail = after?.split(":").filter((group) => group !== "") ?? [];
  const zeros = Array.from({ length: after === undefined ? 0 : Math.max(0, 8 - head.length - tail.length) }, () => "0");
  const groups = [...head, ...zeros, ...tail].slice(0, 4).map((group) => group.replace(/^0+(?=.)/, ""));
  return `${groups.join(":")}::/64`;
}

export interface AddressList {
  /** @param address as plainAddress() gives it */
  has(address: string): boolean;
}

/** @param cidrs such as 192.168.1.0/24, fd00::/8 or a bare address */
export function createAddressList(cidrs: readonly string[]): AddressList {
  const list = new BlockList();
  for (const cidr of cidrs) {
    const [address = "", bits] = cidr.split("/");
    const family = isIP(address) === 6 ? "ipv6" : "ipv4";
    list.addSubnet(address, bits === undefined ? (family === "ipv6" ? 128 : 32) : Number(bits), family);
  }
  return {
    has(address) {
      const family = isIP(address);
      return family !== 0 && list.check(address, family === 6 ? "ipv6" : "ipv4");
    },
  };
}

export interface Allow {
  /** @param address as plainAddress() gives it */
  permits(address: string): boolean;
}

/** @param cidrs as of createAddressList(); empty: everyone */
export function createAllow(cidrs: readonly string[]): Allow {
  const list = createAddressList([...cidrs, "127.0.0.0/8", "::1"]);
  return { permits: (address) => cidrs.length === 0 || list.has(address) };
}
