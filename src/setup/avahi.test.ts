import { expect, test } from "bun:test";
import { formatAvahiService, parseAvahiBrowse } from "./avahi.ts";

test("the service file has the port and the scheme of the server", () => {
  const text = formatAvahiService({ port: 8001, isTls: true });
  expect(text).toContain("<type>_portcache._tcp</type>\n    <port>8001</port>");
  expect(text).toContain("<txt-record>scheme=https</txt-record>");
  // XML 2.5: two hyphens end a comment, and Avahi ignores the whole file.
  expect(/<!--(?<comment>.*?)-->/s.exec(text)?.groups?.["comment"]).not.toContain("--");
  expect(formatAvahiService({ port: 8000, isTls: false })).toContain("scheme=http<");
});

test("a server is listed once, however many interfaces and protocols it answers by", () => {
  const found = parseAvahiBrowse(
    [
      "+;eth0;IPv4;portcache\\032on\\032box;_portcache._tcp;local",
      '=;eth0;IPv6;portcache\\032on\\032box;_portcache._tcp;local;box.local;fe80::1;8000;"scheme=http"',
      '=;eth0;IPv4;portcache\\032on\\032box;_portcache._tcp;local;box.local;192.168.1.5;8000;"scheme=http"',
      '=;eth1;IPv4;portcache\\032on\\032box;_portcache._tcp;local;box.local;10.0.0.5;8000;"scheme=http"',
      '=;eth0;IPv4;portcache\\032on\\032k\\195\\188che;_portcache._tcp;local;kueche.local;192.168.1.6;8443;"scheme=https"',
      "",
    ].join("\n"),
  );
  expect(found).toEqual([
    { name: "portcache on box", url: "http://box.local:8000", address: "192.168.1.5" },
    { name: "portcache on küche", url: "https://kueche.local:8443", address: "192.168.1.6" },
  ]);
});

test.each([
  ["a host that ends the line of a configuration", "=;eth0;IPv4;x;_portcache._tcp;local;a b # c;1.2.3.4;8000;"],
  ["a port that is no number", "=;eth0;IPv4;x;_portcache._tcp;local;box.local;1.2.3.4;80x;"],
  ["a service that is not resolved", "+;eth0;IPv4;x;_portcache._tcp;local"],
  ["a cut line", "=;eth0;IPv4"],
])("%s is left out", (_case, line) => {
  expect(parseAvahiBrowse(line)).toEqual([]);
});

test("control characters of a name are shown, not sent to the terminal", () => {
  const line = "=;eth0;IPv4;a\\027[2Jb;_portcache._tcp;local;box.local;1.2.3.4\u001b;8000;";
  const [found] = parseAvahiBrowse(line);
  expect([found?.name, found?.address]).toEqual(["a\\x1b[2Jb", "1.2.3.4\\x1b"]);
});
