import { expect, test } from "bun:test";
import { clientOf, createAllow, plainAddress } from "./allow.ts";

test("without a list every client is served, with one the listed clients and this machine", () => {
  expect(createAllow([]).permits("203.0.113.7")).toBe(true);
  const allow = createAllow(["192.168.1.0/24", "fd00::/8", "10.0.0.7"]);
  for (const address of [
    "192.168.1.9",
    "fd12::1",
    "10.0.0.7",
    "127.0.0.1",
    "127.9.9.9",
    "::1",
    plainAddress("::ffff:192.168.1.9"),
  ]) {
    expect([address, allow.permits(address)]).toEqual([address, true]);
  }
  for (const address of ["192.168.2.9", "10.0.0.8", "2001:db8::1", "", plainAddress("::ffff:10.0.0.8")]) {
    expect([address, allow.permits(address)]).toEqual([address, false]);
  }
});

test("all addresses of one IPv6 network count as one client, and every IPv4 address as one", () => {
  for (const [address, client] of [
    ["192.0.2.7", "192.0.2.7"],
    ["socket", "socket"],
    ["", ""],
    ["::1", "0:0:0:0::/64"],
    ["2001:db8::1", "2001:db8:0:0::/64"],
    ["2001:db8:0:0:8:800:200c:417a", "2001:db8:0:0::/64"],
    ["2001:0db8:0000:0000:ffff::", "2001:db8:0:0::/64"],
    ["2001:db8:1:2:3::", "2001:db8:1:2::/64"],
    ["fe80::1:2%eth0", "fe80:0:0:0::/64"],
  ] as const) {
    expect([address, clientOf(address)]).toEqual([address, client]);
  }
});
