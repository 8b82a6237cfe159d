import { expect, test } from "bun:test";
import { createFakeClock } from "../testing/fake-clock.ts";
import { type ConnectResult, createPinAddress, tryConnect } from "./pinned-address.ts";

const NAMES: Readonly<Record<string, readonly string[]>> = {
  "one.test": ["9.9.9.9"],
  "two.test": ["2a00:1450:4001::1", "8.8.8.8"],
  "half.test": ["9.9.9.9", "10.0.0.1"],
  "mapped.test": ["::ffff:192.168.1.1"],
  "none.test": [],
};

function createPinning(connections: Readonly<Record<string, ConnectResult>> = {}) {
  const clock = createFakeClock();
  const tried: string[] = [];
  const pinAddress = createPinAddress({
    resolve: async (name) => NAMES[name] ?? Promise.reject(new Error("ENOTFOUND")),
    tryConnect: async (url) => {
      tried.push(new URL(url).hostname);
      return connections[new URL(url).hostname] ?? "connected";
    },
    clock,
  });
  const pinHost = async (host: string) => await pinAddress(new URL(`http://${host}/x?y=1`));
  return { pinHost, tried, clock };
}

test("a URL is pinned to the checked address, and a single address is not tried first", async () => {
  const { pinHost, tried } = createPinning();
  expect(await pinHost("one.test:81")).toEqual({
    url: "http://9.9.9.9:81/x?y=1",
    host: "one.test:81",
    serverName: "one.test",
  });
  expect(tried).toEqual([]);
});

test("a host is refused when one of its addresses is not public, in any spelling, and when it has none", async () => {
  const { pinHost, tried } = createPinning();
  for (const host of [
    ...["half.test", "mapped.test", "none.test", "other.test", "localhost"],
    ...["127.0.0.1", "127.1", "0", "0.0.0.0", "0x7f.1", "0x7f000001", "2130706433", "017700000001", "127.0.0.1."],
    ...["[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "[::ffff:10.0.0.1]"],
    ...["[64:ff9b::7f00:1]", "[fe80::1]", "[fd00::1]", "169.254.169.254", "10.0.0.1", "192.168.1.1", "100.64.0.1"],
  ]) {
    const outcome = await pinHost(host).then(
      ({ url }) => url,
      (error: unknown) => (error instanceof Error ? error.name : error),
    );
    expect([host, outcome]).toEqual([host, "SourceError"]);
  }
  expect(tried).toEqual([]);
});

test("of several addresses the first that accepts a connection is used, and cached for a minute", async () => {
  const { pinHost, tried, clock } = createPinning({ "[2a00:1450:4001::1]": "refused" });
  expect((await pinHost("two.test")).url).toBe("http://8.8.8.8/x?y=1");
  expect((await pinHost("two.test")).url).toBe("http://8.8.8.8/x?y=1");
  expect(tried).toEqual(["[2a00:1450:4001::1]", "8.8.8.8"]);
  clock.set(clock.now() + 61_000);
  await pinHost("two.test");
  expect(tried.length).toBe(4);
});

test("when the first accepts a connection the others are not tried", async () => {
  const { pinHost, tried, clock } = createPinning();
  expect((await pinHost("two.test")).url).toBe("http://[2a00:1450:4001::1]/x?y=1");
  clock.set(clock.now() + 1000);
  await Bun.sleep(1);
  expect(tried).toEqual(["[2a00:1450:4001::1]"]);
});

test("when none accepts a connection the first is used, so that fetch() reports the error", async () => {
  const { pinHost } = createPinning({ "[2a00:1450:4001::1]": "refused", "8.8.8.8": "silent" });
  expect((await pinHost("two.test")).url).toBe("http://[2a00:1450:4001::1]/x?y=1");
});

test("that no address accepted a connection is not remembered", async () => {
  const outcomes: Record<string, ConnectResult> = { "[2a00:1450:4001::1]": "refused", "8.8.8.8": "refused" };
  const { pinHost } = createPinning(outcomes);
  await pinHost("two.test");
  outcomes["8.8.8.8"] = "connected";
  expect((await pinHost("two.test")).url).toBe("http://8.8.8.8/x?y=1");
});

test("after a quarter of a second of silence the next address is tried", async () => {
  const { promise: silence, resolve: end } = Promise.withResolvers<ConnectResult>();
  const clock = createFakeClock();
  const pinAddress = createPinAddress({
    resolve: async () => ["2a00:1450:4001::1", "8.8.8.8"],
    tryConnect: async (url) => (url.includes("8.8.8.8") ? "connected" : await silence),
    clock,
  });
  const pinned = pinAddress(new URL("http://two.test/"));
  await clock.advance(249);
  expect(Bun.peek.status(pinned)).toBe("pending");
  await clock.advance(1);
  expect((await pinned).url).toBe("http://8.8.8.8/");
  end("silent");
});

test("a name that does not resolve in ten seconds is a time-out, and of a thousand addresses few are tried", async () => {
  const clock = createFakeClock();
  const tried: string[] = [];
  const tryNone = async (url: string): Promise<ConnectResult> => {
    tried.push(url);
    return "refused";
  };
  const { promise: never } = Promise.withResolvers<readonly string[]>();
  const silent = createPinAddress({ resolve: () => never, tryConnect: tryNone, clock })(new URL("http://slow.test/"));
  const outcome = silent.catch((error: unknown) => error);
  await clock.advance(10_000);
  expect(await outcome).toMatchObject({ kind: "timeout" });
  const many = Array.from({ length: 1000 }, (_, i) => `9.9.${i >> 8}.${i & 255}`);
  await createPinAddress({ resolve: async () => many, tryConnect: tryNone, clock })(new URL("http://many.test/"));
  expect(tried.length).toBeLessThan(20);
});

test("tryConnect() tells an accepted connection from a refused one", async () => {
  using listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => undefined } });
  expect(await tryConnect(`http://127.0.0.1:${listener.port}/`, 1000)).toBe("connected");
  const { port } = listener;
  listener.stop(true);
  expect(await tryConnect(`http://127.0.0.1:${port}/`, 1000)).toBe("refused");
});
