import { expect, test } from "bun:test";
import { createLoopGuard } from "./loop-guard.ts";

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
