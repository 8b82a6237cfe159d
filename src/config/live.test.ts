import { expect, test } from "bun:test";
import { createLiveConfig } from "./live.ts";
import { loadConfig } from "./load.ts";
import { allSettings } from "./schema.ts";

function given(settings: Readonly<Record<string, string>>) {
  const overrides = Object.entries(settings).map(([path, text]) => ({ path, given: text, flag: "--set" }));
  const base = [{ path: "storage.location", given: "/tmp/store", flag: "--location" }];
  return loadConfig({ env: {}, defaultFile: "/nonexistent", overrides: [...base, ...overrides] }).config;
}

test("a live configuration begins as the initial one", () => {
  const config = given({ "server.port": "8123" });
  const live = createLiveConfig(config);
  expect(JSON.parse(JSON.stringify(live.config))).toEqual(JSON.parse(JSON.stringify(config)));
  expect(live.replace(config)).toEqual([]);
});

test("a replaced value changes for code that holds the section", () => {
  const live = createLiveConfig(given({}));
  const { fetcher, storage } = live.config;
  const changes = live.replace(given({ "fetcher.mirrors": "http://one http://two", "storage.max_size": "1TiB" }));
  expect([fetcher.mirrors, storage.max_size]).toEqual([["http://one", "http://two"], 1024 ** 4]);
  expect(changes).toEqual([
    { path: "storage.max_size", before: "50GiB", after: "1TiB", restart: false },
    {
      path: "fetcher.mirrors",
      before: '["https://distfiles.gentoo.org"]',
      after: '["http://one", "http://two"]',
      restart: false,
    },
  ]);
});

test("a setting that needs a restart is reported and keeps its value", () => {
  const live = createLiveConfig(given({}));
  const next = given({ "server.port": "9000", "server.drain": "1s" });
  expect(live.replace(next).map(({ path, restart }) => [path, restart])).toEqual([
    ["server.port", true],
    ["server.drain", false],
  ]);
  expect([live.config.server.port, live.config.server.drain]).toEqual([8000, 1000]);
  expect(live.replace(next).map(({ path }) => path)).toEqual(["server.port"]);
});

test("secrets are not shown", () => {
  const live = createLiveConfig(given({ "server.admin_token": "first-secret" }));
  const changes = live.replace(given({ "server.admin_token": "second-secret" }));
  expect(changes.map(({ path }) => path)).toEqual(["server.admin_token"]);
  expect(JSON.stringify(changes)).not.toContain('secret"');
  expect(live.config.server.admin_token).toBe("second-secret");
});

test("only sockets, the store, the sandbox and the proxy need a restart", () => {
  const restarting = allSettings().filter(({ key }) => key.restart);
  expect(restarting.map(({ section, name }) => `${section}.${name}`)).toEqual([
    "server.address",
    "server.port",
    "server.tls_cert",
    "server.tls_key",
    "storage.location",
    "fetcher.proxy",
    "repo.evaluate",
    "repo.sandbox",
  ]);
});
