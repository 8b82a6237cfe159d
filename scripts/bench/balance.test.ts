import { expect, test } from "bun:test";
import { simulate } from "./balance.ts";

test(`with random mirrors that change, die and come back, "adaptive" delivers over 75 % of the possible bytes`, () => {
  for (const seed of [11, 12, 13, 14]) {
    const scenario = { seed, lengthMs: 300_000, downloads: 16 };
    const { share } = simulate({ ...scenario, strategy: "adaptive" });
    expect(share).toBeGreaterThan(0.75);
    expect(share).toBeGreaterThan(simulate({ ...scenario, strategy: "round-robin" }).share);
  }
});
