import { expect, test } from "bun:test";
import type { Logger } from "../lib/log.ts";
import { createFlush } from "./request-stats.ts";

test("a disk that stays full is told once, what can be written is, and it is told again when it happens again", () => {
  const told: string[] = [];
  const log = { error: (text: string) => told.push(text) } as unknown as Logger;
  let full = true;
  let written = 0;
  const failing = {
    flush() {
      if (full) throw new Error("database or disk is full");
    },
  };
  const flush = createFlush([failing, { flush: () => written++ }, failing], log);
  for (let i = 0; i < 5; i++) flush();
  expect([told.length, written]).toEqual([1, 5]);
  full = false;
  flush();
  full = true;
  flush();
  expect(told.length).toBe(2);
});
