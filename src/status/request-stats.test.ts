import { expect, test } from "bun:test";
import type { Logger } from "../lib/log.ts";
import { createFlush } from "./request-stats.ts";

test("a disk that stays full is logged once, the other recorders are flushed, and the next full disk is logged again", () => {
  const logged: string[] = [];
  const log = { error: (text: string) => logged.push(text) } as unknown as Logger;
  let full = true;
  let written = 0;
  const failing = {
    flush() {
      if (full) throw new Error("database or disk is full");
    },
  };
  const { flush, problem } = createFlush([failing, { flush: () => written++ }, failing], log);
  expect(problem()).toBeUndefined();
  for (let i = 0; i < 5; i++) flush();
  expect([logged.length, written, problem()]).toEqual([1, 5, "database or disk is full"]);
  full = false;
  flush();
  expect(problem()).toBeUndefined();
  full = true;
  flush();
  expect(logged.length).toBe(2);
});
