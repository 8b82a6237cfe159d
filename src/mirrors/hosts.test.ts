import { expect, test } from "bun:test";
import { createFakeClock } from "../testing/fake-clock.ts";
import { createPlaces } from "./hosts.ts";

test("what is learnt of a place that somebody holds is kept, however many others are asked meanwhile", () => {
  const kept = new Map<string, unknown>();
  const clock = createFakeClock();
  const places = createPlaces({
    memory: {
      all: () => [],
      putAll: (all) => {
        for (const { place, known } of all) kept.set(place, known);
      },
      forget: (keys) => {
        for (const key of keys) kept.delete(key);
      },
    },
    clock,
    onCircuit: () => undefined,
  });
  const mirror = places.at("http://mirror.test");
  for (let i = 0; i < 1500; i++) places.at(`http://host${i}.test`);
  mirror.startRequest(10).end("delivered");
  places.flush();
  expect(kept.get("http://mirror.test")).toMatchObject({ delivered: expect.any(Number) });
});
