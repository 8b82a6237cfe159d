import { expect, test } from "bun:test";
import { systemClock } from "../lib/clock.ts";
import { createSemaphore } from "../lib/semaphore.ts";
import { createDistfiles } from "./distfiles.ts";

test("the client's 45 s include the time in which Manifests are read for it", async () => {
  let given = 0;
  const answer = createDistfiles({
    cache: {
      peek: () => undefined,
      async lookup(_wanted, deadlineMs) {
        given = deadlineMs;
        return { kind: "late" };
      },
    },
    takeTurn: async () => true,
    takeLargeTurn: async () => true,
    clock: systemClock,
    wantedByDigest: () => [],
    refreshRepositories: () => Bun.sleep(120),
    upstreamFor: () => ({ send: () => Promise.reject(new Error("not asked")), slots: createSemaphore(1) }),
    layoutConf: () => "",
  });
  const path = `/distfiles/${"0".repeat(128)}`;
  await answer(new Request(`http://portcache${path}`), path, "127.0.0.1");
  expect(given).toBeGreaterThan(30_000);
  expect(given).toBeLessThanOrEqual(44_900);
});
