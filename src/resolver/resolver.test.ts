import { expect, test } from "bun:test";
import type { DistEntry } from "../distfile/digests.ts";
import type { DistfileName } from "../distfile/name.ts";
import { createHosts } from "../mirrors/hosts.ts";
import { createFakeClock } from "../testing/fake-clock.ts";
import { createResolver } from "./resolver.ts";
import { createUriOrder } from "./uri-order.ts";

const name = "foo-1.zip" as DistfileName;
const entry: DistEntry = { name, size: 10, blake2b: "b" };
const repository = { name: "gentoo", location: "/repository" };

test("a file has at most 64 candidate URLs, over all packages that want it", async () => {
  const hosts = createHosts({
    rows: { all: () => [], putAll: () => undefined, forget: () => undefined },
    clock: createFakeClock(),
    onCircuitChange: () => undefined,
  });
  const packages = ["a", "b", "c"];
  const resolver = createResolver({
    wantedBy: () =>
      packages.map((one) => {
        return { repository: "gentoo", location: repository.location, category: "app-misc", package: one, entry };
      }),
    entriesOf: () => new Map(),
    repositoryAt: () => repository,
    metadata: {
      forgetFailures: () => undefined,
      read: async (_repository, _category, one) => {
        const srcUri = Array.from({ length: 40 }, (_, i) => `https://${one}${i}.test/${name}`).join(" ");
        const metadata = { eapi: "8", srcUri, restrict: "", homepage: "", inherited: [] };
        const evaluate = async () => ({ evaluated: [], failures: new Map() });
        return { known: [{ pf: `${one}-1`, metadata }], stale: [], unknown: [], refused: new Map(), evaluate };
      },
    },
    masters: { mirrorUrls: async () => ({ custom: [], thirdParty: [] }) },
    mirrors: { sources: () => [] },
    uriOrder: createUriOrder(hosts, Math.random),
  });
  const { uris, refusals } = await resolver.resolve(name, entry, "all");
  expect(uris.length).toBe(64);
  expect(refusals.map(({ source }) => source)).toEqual(["56 further URIs"]);
});

test("an ebuild whose evaluation failed for a moment makes no file absent", async () => {
  const hosts = createHosts({
    rows: { all: () => [], putAll: () => undefined, forget: () => undefined },
    clock: createFakeClock(),
    onCircuitChange: () => undefined,
  });
  const failures = new Map([
    ["foo-1", { reason: "took too long", passing: true }],
    ["foo-2", { reason: "dies", passing: false }],
  ]);
  const resolver = createResolver({
    wantedBy: () => [
      { repository: "gentoo", location: repository.location, category: "app-misc", package: "foo", entry },
    ],
    entriesOf: () => new Map(),
    repositoryAt: () => repository,
    metadata: {
      forgetFailures: () => undefined,
      read: async () => ({
        known: [],
        stale: [],
        unknown: [{ pf: "foo-1", eapi: "8", md5: "", text: "" }],
        refused: new Map(),
        evaluate: async () => ({ evaluated: [], failures }),
      }),
    },
    masters: { mirrorUrls: async () => ({ custom: [], thirdParty: [] }) },
    mirrors: { sources: () => [] },
    uriOrder: createUriOrder(hosts, Math.random),
  });
  const { refusals } = await resolver.resolve(name, entry, "all");
  expect(refusals.map(({ kind }) => kind)).toEqual(["failed", "absent"]);
});

test("a mirror from /etc/portage/mirrors may have any address, a mirror from a repository may not", async () => {
  const metadata = { eapi: "8", srcUri: "mirror://gnu/foo-1.zip", restrict: "", homepage: "", inherited: [] };
  const hosts = createHosts({
    rows: { all: () => [], putAll: () => undefined, forget: () => undefined },
    clock: createFakeClock(),
    onCircuitChange: () => undefined,
  });
  const resolver = createResolver({
    wantedBy: () => [
      { repository: "gentoo", location: repository.location, category: "app-misc", package: "foo", entry },
    ],
    entriesOf: () => new Map(),
    repositoryAt: () => repository,
    metadata: {
      forgetFailures: () => undefined,
      read: async () => ({
        known: [{ pf: "foo-1", metadata }],
        stale: [],
        unknown: [],
        refused: new Map(),
        evaluate: async () => ({ evaluated: [], failures: new Map() }),
      }),
    },
    masters: { mirrorUrls: async () => ({ custom: ["http://10.0.0.1/gnu"], thirdParty: ["http://10.0.0.2/gnu"] }) },
    mirrors: { sources: () => [] },
    uriOrder: createUriOrder(hosts, Math.random),
  });
  const { sources } = await resolver.sources(name, entry);
  expect(sources().map(({ label, trustedOrigin }) => [label, trustedOrigin])).toEqual([
    ["http://10.0.0.1/gnu/foo-1.zip", "http://10.0.0.1"],
    ["http://10.0.0.2/gnu/foo-1.zip", undefined],
  ]);
});
