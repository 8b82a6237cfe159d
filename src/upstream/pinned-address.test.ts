import { expect, test } from "bun:test";
import { createFakeClock } from "../testing/fake-clock.ts";
import { createPin } from "./pinned-address.ts";
import { type Connection, tryConnect } from "./probe.ts";

const NAMES: Readonly<Record<string, readonly string[]>> = {
  "one.test": ["9.9.9.9"],
  "two.test": ["2a00:1450:4001::1", "8.8.8.8"],
  "half.test": ["9.9.9.9", "10.0.0.1"],
  "mapped.test": ["::ffff:192.168.1.1"],
  "none.test": [],
};

function createPinning(connections: Readonly<Record<string, Connection>> = {}) {
  const clock = createFakeClock();
  const tried: string[] = [];
  const pin = createPin({
    resolve: async (name) => NAMES[name] ?? Promise.reject(new Error("ENOTFOUND")),
    tryConnect: async (url) => {
      tried.push(new URL(url).hostname);
      return connections[new URL(url).hostname] ?? "connected";
    },
    clock,
  });
  const pinHost = async (host: string) => await pin(new URL(`http://${host}/x?y=1`));
  return { pinHost, tried, clock };
}

test("a URL is pinned to the address that was checked; with one address nothing is tried", async () => {
  const { pinHost, tried } = createPinning();
  expect(await pinHost("one.test:81")).toEqual({
    url: "http://9.9.9.9:81/x?y=1",
    host: "one.test:81",
    serverName: "one.test",
  });
  expect(tried).toEqual([]);
});

test("a host is refused when any of its addresses is private, loopback or not to be found, however it is spelt", async () => {
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

test("of several addresses the first that takes a connection is used, and remembered for a minute", async () => {
  const { pinHost, tried, clock } = createPinning({ "[2a00:1450:4001::1]": "refused" });
  expect((await pinHost("two.test")).url).toBe("http://8.8.8.8/x?y=1");
  expect((await pinHost("two.test")).url).toBe("http://8.8.8.8/x?y=1");
  expect(tried).toEqual(["[2a00:1450:4001::1]", "8.8.8.8"]);
  clock.set(clock.now() + 61_000);
  await pinHost("two.test");
  expect(tried.length).toBe(4);
});

test("where the first takes a connection the others are left alone", async () => {
  const { pinHost, tried, clock } = createPinning();
  expect((await pinHost("two.test")).url).toBe("http://[2a00:1450:4001::1]/x?y=1");
  clock.set(clock.now() + 1000);
  await Bun.sleep(1);
  expect(tried).toEqual(["[2a00:1450:4001::1]"]);
});

test("where none takes a connection the first is tried, so that the error is told", async () => {
  const { pinHost } = createPinning({ "[2a00:1450:4001::1]": "refused", "8.8.8.8": "silent" });
  expect((await pinHost("two.test")).url).toBe("http://[2a00:1450:4001::1]/x?y=1");
});

test("one that stays silent is not waited for: a quarter of a second later the next one is tried", async () => {
  const { promise: silence, resolve: end } = Promise.withResolvers<Connection>();
  const clock = createFakeClock();
  const pin = createPin({
    resolve: async () => ["2a00:1450:4001::1", "8.8.8.8"],
    tryConnect: async (url) => (url.includes("8.8.8.8") ? "connected" : await silence),
    clock,
  });
  const pinned = pin(new URL("http://two.test/"));
  await clock.advance(249);
  expect(Bun.peek.status(pinned)).toBe("pending");
  await clock.advance(1);
  expect((await pinned).url).toBe("http://8.8.8.8/");
  end("silent");
});

test("a name that nobody answers for in ten seconds is a time-out, and of a thousand addresses few are tried", async () => {
  const clock = createFakeClock();
  const tried: string[] = [];
  const tryNone = async (url: string): Promise<Connection> => {
    tried.push(url);
    return "refused";
  };
  const { promise: never } = Promise.withResolvers<readonly string[]>();
  const silent = createPin({ resolve: () => never, tryConnect: tryNone, clock })(new URL("http://slow.test/"));
  const outcome = silent.catch((error: unknown) => error);
  await clock.advance(10_000);
  expect(await outcome).toMatchObject({ kind: "timeout" });
  const many = Array.from({ length: 1000 }, (_, i) => `9.9.${i >> 8}.${i & 255}`);
  await createPin({ resolve: async () => many, tryConnect: tryNone, clock })(new URL("http://many.test/"));
  expect(tried.length).toBeLessThan(20);
});

test("a connection that stands, one refused and one that nobody answers are told apart", async () => {
  using listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => undefined } });
  expect(await tryConnect(`http://127.0.0.1:${listener.port}/`, 1000)).toBe("connected");
  const { port } = listener;
  listener.stop(true);
  expect(await tryConnect(`http://127.0.0.1:${port}/`, 1000)).toBe("refused");
});
