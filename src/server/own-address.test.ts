import { expect, test } from "bun:test";
import type { NetworkInterfaceInfo } from "node:os";
import { networkAddress, reachableUrl } from "./own-address.ts";

const one = (address: string, internal = false) =>
  ({ address, internal, family: address.includes(":") ? "IPv6" : "IPv4" }) as NetworkInterfaceInfo;

const interfaces = {
  lo: [one("127.0.0.1", true), one("::1", true)],
  docker0: [one("172.17.0.1")],
  enp3s0: [one("fe80::1"), one("2001:db8::5"), one("192.168.1.5")],
};
const routes = (name: string) =>
  `Iface\tDestination\tGateway\n${name}\t00000000\t0101A8C0\ndocker0\t000011AC\t00000000\n`;

test("the address of the interface with the default route is shown, IPv4 first", () => {
  expect(networkAddress(interfaces, routes("enp3s0"))).toBe("192.168.1.5");
  expect(networkAddress(interfaces, "")).toBe("172.17.0.1");
  expect(networkAddress({ enp3s0: [one("fe80::1"), one("2001:db8::5")] }, "")).toBe("2001:db8::5");
  expect(networkAddress({ lo: interfaces.lo, wlan0: [one("169.254.3.4"), one("fe80::2")] }, "")).toBeUndefined();
});

test("an address that was configured is shown as it is, and the usual ports are left out", () => {
  expect(reachableUrl("10.0.0.1", 8000, false)).toBe("http://10.0.0.1:8000");
  expect(reachableUrl("2001:db8::5", 80, false)).toBe("http://[2001:db8::5]");
  expect(reachableUrl("10.0.0.1", 443, true)).toBe("https://10.0.0.1");
  expect(reachableUrl("::", 8000, false)).not.toContain("::]");
});
