import { expect, test } from "bun:test";
import fc from "fast-check";
import { parseJsonInSteps, UndividedError } from "./json-in-steps.ts";

const encode = (text: string) => new TextEncoder().encode(text);

/** Returns the value in an object, as a failure has none. */
async function outcome(parse: () => unknown): Promise<{ readonly value: unknown } | "no JSON"> {
  try {
    return { value: await parse() };
  } catch {
    return "no JSON";
  }
}

async function expectSame(text: string): Promise<void> {
  const [inSteps, atOnce] = [
    await outcome(() => parseJsonInSteps(encode(text), undefined, 1)),
    await outcome(() => JSON.parse(text)),
  ];
  expect([text, inSteps]).toEqual([text, atOnce]);
}

test("values are the same as parsed at once", async () => {
  const lists = fc.dictionary(fc.string(), fc.oneof(fc.jsonValue(), fc.array(fc.jsonValue())));
  await fc.assert(
    fc.asyncProperty(lists, fc.nat(3), (value, indent) => expectSame(JSON.stringify(value, null, indent))),
  );
});

test("whatever is no JSON is refused", async () => {
  const token = fc.constantFrom("{", "}", "[", "]", ",", ":", '"', "\\", "a", "1", '"a"', " ", '{"a":[', "null");
  await fc.assert(
    fc.asyncProperty(fc.array(token), (tokens) => expectSame(tokens.join(""))),
    { numRuns: 2_000 },
  );
  for (const text of ['{"a":[1,,2]}', '{"a":[1,]}', '{"a":[,1]}', '{"a":[1}', '{"a":[1', '{"a":[ ]}', '{"a":[1]]}']) {
    await expectSame(text);
  }
});

test("three hundred thousand names are parsed in steps", async () => {
  const names = Array.from({ length: 300_000 }, (_, i) => `\u00e4-${i}.tar`);
  const body = encode(JSON.stringify({ names, packages: ["a/b"], version: "1" }));
  // Not how long each takes: others may have the processor meanwhile.
  let steps = 0;
  const timer = setInterval(() => steps++, 1);
  expect(await parseJsonInSteps(body)).toEqual({ names, packages: ["a/b"], version: "1" });
  clearInterval(timer);
  expect(steps).toBeGreaterThan(10);
});

test("nothing but a list may be long", async () => {
  const long = "x".repeat(300_000);
  for (const value of [{ version: long }, { names: ["a", long] }, { names: [[long]] }, [[long]], { [long]: [] }]) {
    await expect(parseJsonInSteps(encode(JSON.stringify(value)))).rejects.toBeInstanceOf(UndividedError);
  }
});
