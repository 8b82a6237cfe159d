/**
 * Decides whether an address is on the public internet (RFC 6890 and the IANA special-purpose registries): URLs that nobody
 * configured may lead to no other, unless `[fetcher] private_networks` allows it. Pure; pinned-address.ts ensures that the address
 * checked is the one connected to.
 */
import { BlockList, isIP } from "node:net";

const SPECIAL_V4 = [
  "0.0.0.0/8",
  "10.0.0.0/8",
  "100.64.0.0/10",
  "127.0.0.0/8",
  "169.254.0.0/16",
  "172.16.0.0/12",
  "192.0.0.0/24",
  "192.0.2.0/24",
  "192.88.99.0/24",
  "192.168.0.0/16",
  "198.18.0.0/15",
  "198.51.100.0/24",
  "203.0.113.0/24",
  "224.0.0.0/4",
  "240.0.0.0/4",
] as const;

/** Includes the prefixes that embed an IPv4 address (NAT64, 6to4, Teredo), except mapped addresses, which are unmapped. */
const SPECIAL_V6 = [
  "::/128",
  "::1/128",
  "64:ff9b::/96",
  "64:ff9b:1::/48",
  "100::/64",
  "2001::/23",
  "2001:db8::/32",
  "2002::/16",
  "3fff::/20",
  "5f00::/16",
  "fc00::/7",
  "fe80::/10",
  "fec0::/10",
  "ff00::/8",
] as const;

function specialAddresses(): BlockList {
  const list = new BlockList();
  for (const [family, ranges] of [["ipv4", SPECIAL_V4] as const, ["ipv6", SPECIAL_V6] as const]) {
    for (const range of ranges) {
      const [address = "", bits] = range.split("/");
      list.addSubnet(address, Number(bits), family);
    }
  }
  return list;
}

const SPECIAL = specialAddresses();

/** Unmaps `::ffff:10.0.0.1`, in any spelling, which is 10.0.0.1 to the kernel. */
function unmapped(address: string): string {
  if (isIP(address) !== 6) return address;
  const canonical = new URL(`http://[${address.split("%", 1)[0]}]`).hostname.slice(1, -1);
  const mapped = /^::(?:ffff:)?([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(canonical);
  if (!mapped) return canonical;
  const [high, low] = [Number.parseInt(mapped[1] ?? "", 16), Number.parseInt(mapped[2] ?? "", 16)];
  return [high >> 8, high & 255, low >> 8, low & 255].join(".");
}

/** Returns whether a literal IP address is on the public internet. */
export function isPublicAddress(address: string): boolean {
  const plain = unmapped(address);
  const family = isIP(plain);
  return family !== 0 && !SPECIAL.check(plain, family === 6 ? "ipv6" : "ipv4");
}
