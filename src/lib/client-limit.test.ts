import { expect, test } from "bun:test";
import { createClientLimit } from "./client-limit.ts";

test("one client may not have all, all together no more than there is, and what is given back twice counts once", () => {
  const limit = createClientLimit(3, 2);
  const [first, second] = [limit.enter("a"), limit.enter("a")];
  expect([first, second, limit.enter("a")]).toEqual([expect.any(Function), expect.any(Function), undefined]);
  expect(limit.enter("b")).toBeFunction();
  expect(limit.enter("c")).toBeUndefined();
  first?.();
  first?.();
  expect([limit.taken, typeof limit.enter("a"), limit.enter("c")]).toEqual([2, "function", undefined]);
});
