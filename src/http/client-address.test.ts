import { expect, test } from "bun:test";
import { createAddressList } from "./allow.ts";
import { createAddressOf } from "./client-address.ts";

const TRUSTED = createAddressList(["10.0.0.0/8", "fd00::1"]);

function clientOf(headers: Readonly<Record<string, string>>, peer = "10.0.0.1", trusted = () => TRUSTED): string {
  return createAddressOf(trusted)(new Request("http://box/", { headers }), { requestIP: () => ({ address: peer }) });
}

test("only a trusted proxy is believed", () => {
  const headers = { "x-forwarded-for": "192.0.2.1", forwarded: "for=192.0.2.1" };
  expect(clientOf(headers)).toBe("192.0.2.1");
  expect(clientOf(headers, "::ffff:10.0.0.1")).toBe("192.0.2.1");
  expect(clientOf(headers, "fd00::1")).toBe("192.0.2.1");
  expect(clientOf(headers, "192.0.2.9")).toBe("192.0.2.9");
  expect(createAddressOf(() => undefined)(new Request("http://box/", { headers }), null)).toBe("");
  expect(clientOf({})).toBe("10.0.0.1");
});

test("fields are read from the right, past trusted proxies, and what a client sent itself is not", () => {
  const cases: readonly (readonly [field: string, client: string])[] = [
    ["192.0.2.1", "192.0.2.1"],
    ["127.0.0.1, 192.0.2.1", "192.0.2.1"],
    ["127.0.0.1, 192.0.2.1, 10.1.1.1,10.2.2.2", "192.0.2.1"],
    ["10.1.1.1, 10.2.2.2", "10.1.1.1"],
    ["192.0.2.1:4711", "192.0.2.1"],
    ["2001:DB8::1", "2001:db8::1"],
    ["[2001:db8::1]:4711", "2001:db8::1"],
    ["::ffff:192.0.2.1", "192.0.2.1"],
    ["192.0.2.1, unknown", "unknown"],
    ["192.0.2.1, _hidden, 10.1.1.1", "unknown"],
    ["", "unknown"],
    ["192.0.2.1,", "unknown"],
    [Array.from({ length: 33 }, () => "10.1.1.1").join(), "unknown"],
    [`${"x".repeat(5000)}, 192.0.2.1`, "unknown"],
  ];
  for (const [field, client] of cases) expect([field, clientOf({ "x-forwarded-for": field })]).toEqual([field, client]);
});

test("Forwarded is read as RFC 7239 has it", () => {
  const cases: readonly (readonly [field: string, client: string])[] = [
    ["for=192.0.2.60;proto=http;by=203.0.113.43", "192.0.2.60"],
    ['For="[2001:db8:cafe::17]:4711"', "2001:db8:cafe::17"],
    ["for=127.0.0.1, for=198.51.100.17;by=10.0.0.2, for=10.0.0.2", "198.51.100.17"],
    ["proto=https; for=192.0.2.1", "192.0.2.1"],
    ["for=unknown", "unknown"],
    ["for=_gazonk", "unknown"],
    ["proto=https", "unknown"],
  ];
  for (const [forwarded, client] of cases) expect([forwarded, clientOf({ forwarded })]).toEqual([forwarded, client]);
});

test("of two fields that disagree neither is believed: the proxy may have set one and passed on the other", () => {
  expect(clientOf({ "x-forwarded-for": "192.0.2.1", forwarded: "for=127.0.0.1" })).toBe("unknown");
});
