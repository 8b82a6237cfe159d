import { expect, test } from "bun:test";
import { isPublicAddress } from "./address-policy.ts";

test("only addresses of the public internet are public, in any spelling", () => {
  for (const address of ["8.8.8.8", "2a00:1450:4001::1", "192.167.255.255", "172.32.0.1", "::ffff:8.8.8.8"]) {
    expect([address, isPublicAddress(address)]).toEqual([address, true]);
  }
  for (const address of [
    "0.0.0.0",
    "10.1.2.3",
    "100.64.0.1",
    "127.0.0.1",
    "127.255.0.1",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.0.1",
    "198.18.0.1",
    "224.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "0:0:0:0:0:0:0:1",
    "::ffff:127.0.0.1",
    "::ffff:7f00:1",
    "0:0:0:0:0:ffff:a00:1",
    "::127.0.0.1",
    "64:ff9b::7f00:1",
    "2002:7f00:1::",
    "fc00::1",
    "fd12::1",
    "fe80::1",
    "fe80::1%eth0",
    "ff02::1",
    "2001:db8::1",
    "nonsense",
    "",
  ]) {
    expect([address, isPublicAddress(address)]).toEqual([address, false]);
  }
});
