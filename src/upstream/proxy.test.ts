import { expect, test } from "bun:test";
import { proxyFor } from "./proxy.ts";

const P = "http://proxy.test:3128";

test("the configured proxy comes first, then the one of the environment for the scheme, then that for all", () => {
  for (const [url, configured, environment, proxy] of [
    ["http://a.test/", "", {}, ""],
    ["http://a.test/", "http://own.test", { http_proxy: P }, "http://own.test"],
    ["http://a.test/", "", { http_proxy: P }, P],
    ["http://a.test/", "", { HTTP_PROXY: P }, P],
    ["http://a.test/", "", { https_proxy: P }, ""],
    ["https://a.test/", "", { https_proxy: P }, P],
    ["https://a.test/", "", { http_proxy: P }, ""],
    ["https://a.test/", "", { ALL_PROXY: P }, P],
    ["http://a.test/", "", { http_proxy: "", all_proxy: P }, P],
    ["http://a.test/", "", { http_proxy: "proxy.test:3128" }, P],
  ] as const) {
    expect([url, environment, proxyFor(new URL(url), configured, environment)]).toEqual([url, environment, proxy]);
  }
});

test("no_proxy exempts hosts, domains, ports, addresses and networks, also from the configured proxy", () => {
  for (const [host, list, exempt] of [
    ["a.test", "*", true],
    ["a.test", "", false],
    ["a.test", "b.test, a.test", true],
    ["a.test", "b.test A.TEST", true],
    ["dl.a.test", "a.test", true],
    ["dl.a.test", ".a.test", true],
    ["dl.a.test", "*.a.test", true],
    ["dla.test", "a.test", false],
    ["a.test", "test.a.test", false],
    ["a.test:81", "a.test:81", true],
    ["a.test:81", "a.test:80", false],
    ["a.test", "a.test:80", true],
    ["10.1.2.3", "10.1.2.3", true],
    ["10.1.2.3", "1.2.3", false],
    ["10.1.2.3", "10.0.0.0/8", true],
    ["11.1.2.3", "10.0.0.0/8", false],
    ["11.1.2.3", "10.0.0.0/99", false],
    ["[fd00::1]", "fd00::1", true],
    ["[fd00::1]", "[fd00::1]", true],
    ["[fd00::1]", "fd00::/8", true],
    ["[fd00::1]", "10.0.0.0/8", false],
  ] as const) {
    const url = new URL(`http://${host}/x`);
    expect([host, list, proxyFor(url, P, { no_proxy: list })]).toEqual([host, list, exempt ? "" : P]);
    expect([host, list, proxyFor(url, "", { http_proxy: P, NO_PROXY: list })]).toEqual([host, list, exempt ? "" : P]);
  }
});
