import { expect, test } from "bun:test";
import { createDiskPace } from "./disk-pace.ts";

test("answers wait for a quick disk, for a slow one no longer after a few files, and again once it is quick", () => {
  const pace = createDiskPace();
  expect(pace.worthWaitingMs).toBe(10);
  pace.stored(3);
  pace.stored(20);
  expect(pace.worthWaitingMs).toBe(10);
  for (let i = 0; i < 3; i++) pace.stored(30);
  expect(pace.worthWaitingMs).toBe(0);
  for (let i = 0; i < 8; i++) pace.stored(2);
  expect(pace.worthWaitingMs).toBe(10);
});
