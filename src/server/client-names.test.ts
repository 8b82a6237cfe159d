import { afterEach, beforeEach, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { createFakeClock } from "../testing/fake-clock.ts";
import { createTempFolder, type TempFolder } from "../testing/temp.ts";
import { createClientNames, parseHosts } from "./client-names.ts";

let folder: TempFolder;
beforeEach(() => {
  folder = createTempFolder();
});
afterEach(() => folder.remove());

function start(
  reverseDns: "auto" | "always" | "never",
  servers: readonly string[],
  configured: readonly string[] = [],
) {
  const clock = createFakeClock();
  const asked: string[] = [];
  const names = createClientNames({
    config: { clients: { names: configured }, server: { reverse_dns: reverseDns } } as never,
    clock,
    hostsPath: folder.file("hosts"),
    nameServers: () => servers,
    reverse: async (address) => {
      asked.push(address);
      if (address.endsWith("9")) throw new Error("ENOTFOUND");
      return ["bad name", `host-${address.at(-1)}.lan`];
    },
  });
  return { clock, asked, names };
}

test("the first name of an address in /etc/hosts is taken, and nothing that is no name", () => {
  expect([
    ...parseHosts("127.0.0.1 localhost box # 1\n# 10.0.0.1 no\n10.0.0.2\tbuilder\n10.0.0.2 two\nx y\n10.0.0.3 <b>\n"),
  ]).toEqual([
    ["127.0.0.1", "localhost"],
    ["10.0.0.2", "builder"],
  ]);
});

test("the admin's name is before that of /etc/hosts, and that before one by reverse DNS", async () => {
  writeFileSync(folder.file("hosts"), "10.0.0.1 one\n10.0.0.2 two\n");
  const { names } = start("always", [], ["10.0.0.1=builder"]);
  names.nameOf("10.0.0.2");
  for (let tries = 0; tries < 100 && names.nameOf("10.0.0.2") !== "two"; tries++) await Bun.sleep(5);
  const all = () => ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.9", "socket"].map(names.nameOf);
  all();
  await Bun.sleep(0);
  expect(all()).toEqual(["builder", "two", "host-3.lan", undefined, undefined]);
  expect(["builder", "two", "host-3.lan", "nobody"].map(names.addressOf)).toEqual([
    "10.0.0.1",
    "10.0.0.2",
    "10.0.0.3",
    undefined,
  ]);
});

test("reverse DNS asks nobody outside unless it is always to, and nothing twice within an hour", async () => {
  for (const [setting, servers, address, isAsked] of [
    ["auto", ["192.168.1.1"], "192.168.1.5", true],
    ["auto", ["127.0.0.53", "[fe80::1]:53"], "192.168.1.5", true],
    ["auto", ["192.168.1.1", "8.8.8.8"], "192.168.1.5", false],
    ["auto", [], "192.168.1.5", false],
    ["auto", ["192.168.1.1"], "8.8.4.4", false],
    ["always", ["8.8.8.8"], "8.8.4.4", true],
    ["never", ["192.168.1.1"], "192.168.1.5", false],
    ["always", ["192.168.1.1"], "socket", false],
  ] as const) {
    const { asked, names, clock } = start(setting, servers);
    for (let i = 0; i < 3; i++) {
      names.nameOf(address);
      await Bun.sleep(0);
    }
    expect([setting, servers, address, asked]).toEqual([setting, servers, address, isAsked ? [address] : []]);
    clock.set(clock.now() + 2 * 3_600_000);
    names.nameOf(address);
    expect(asked.length).toBe(isAsked ? 2 : 0);
  }
});

test("few addresses are looked up at once; the others have their turn later", async () => {
  const { asked, names } = start("always", []);
  const addresses = Array.from({ length: 10 }, (_, i) => `10.0.1.${i}`);
  for (const address of addresses) names.nameOf(address);
  expect(asked.length).toBe(4);
});
