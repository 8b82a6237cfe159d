import { expect, test } from "bun:test";
import { createLoopGuard, MAX_CHAIN } from "./loop-guard.ts";

test("a request that has passed through this store is detected by Via or CDN-Loop", () => {
  const guard = createLoopGuard("portcache-1");
  expect(guard.isLoop(new Headers({ via: "1.1 other, 1.1 portcache-1 (x)" }))).toBe(true);
  expect(guard.isLoop(new Headers({ "cdn-loop": "a, portcache-1; v=1" }))).toBe(true);
  expect(guard.isLoop(new Headers({ via: "1.1 portcache-12", "cdn-loop": "portcache-2" }))).toBe(false);
  const onward = new Headers(guard.headersFor(new Headers({ via: "1.1 portcache-2" })));
  expect(onward.get("via")).toBe("1.1 portcache-2, 1.1 portcache-1");
  expect(guard.isLoop(onward)).toBe(true);
  expect(createLoopGuard("portcache-2").isLoop(onward)).toBe(true);
});

test("names of other proxies are not passed on, as a mirror refuses a request that names its own", () => {
  const guard = createLoopGuard("portcache-1");
  const headers = new Headers({
    "cdn-loop": "Fastly, cloudflare; subreqs=1, portcache-2",
    via: "1.1 varnish (Varnish/6)",
  });
  expect(guard.headersFor(headers)).toEqual({ via: "1.1 portcache-1", "cdn-loop": "portcache-2, portcache-1" });
});

test("a long chain loses its oldest names", () => {
  const long = Array.from({ length: 500 }, (_, i) => `portcache-${i}`);
  const { "cdn-loop": onward = "" } = createLoopGuard("portcache-f").headersFor(
    new Headers({ "cdn-loop": long.join(", ") }),
  );
  expect(onward.split(", ")).toEqual([...long.slice(-MAX_CHAIN), "portcache-f"]);
});

test("of a field as long as a request may be only its end is read", () => {
  const guard = createLoopGuard("portcache-1");
  const commas = ",".repeat(10_000);
  const headers = new Headers({ via: `1.1 portcache-2${commas}`, "cdn-loop": `${commas}portcache-3` });
  expect(guard.headersFor(headers)).toEqual({ via: "1.1 portcache-1", "cdn-loop": "portcache-3, portcache-1" });
});
