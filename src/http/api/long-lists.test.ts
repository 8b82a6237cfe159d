import { expect, test } from "bun:test";
import fc from "fast-check";
import * as v from "valibot";
import { FetchRequestSchema } from "../../api/action-schemas.ts";
import { jsonPieces, validateInSteps } from "./long-lists.ts";

const NAMES = Array.from({ length: 300_000 }, (_, i) => `x${i}.tar`);

/** Returns the result of the work, and whether the event loop served others meanwhile. */
async function servesOthers<T>(work: () => Promise<T>): Promise<readonly [result: T, served: number]> {
  let served = 0;
  const timer = setInterval(() => served++, 1);
  const result = await work();
  clearInterval(timer);
  return [result, served];
}

test("a request with 300,000 names is validated in steps, with the same result as at once", async () => {
  const value = { names: NAMES };
  const [parsed, served] = await servesOthers(() => validateInSteps(FetchRequestSchema, value));
  expect(parsed.output).toEqual(v.parse(FetchRequestSchema, value));
  expect(served).toBeGreaterThan(1);
  for (const at of [0, 999, 1000, 299_999]) {
    const wrong = { names: NAMES.with(at, 7 as unknown as string) };
    expect((await validateInSteps(FetchRequestSchema, wrong)).success).toBe(false);
  }
  expect((await validateInSteps(FetchRequestSchema, { ...value, other: 1 })).success).toBe(false);
});

test("the pieces of a value are its JSON, and none is long", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      expect(JSON.parse([...jsonPieces(value)].join(""))).toEqual(JSON.parse(JSON.stringify(value)));
    }),
  );
  const report = { files: 1, results: NAMES.map((name) => ({ name, reason: null })), none: undefined, end: [] };
  const pieces = [...jsonPieces({ kind: "result", result: report })];
  expect(JSON.parse(pieces.join(""))).toEqual(JSON.parse(JSON.stringify({ kind: "result", result: report })));
  expect(Math.max(...pieces.map(({ length }) => length))).toBeLessThan(100_000);
});
