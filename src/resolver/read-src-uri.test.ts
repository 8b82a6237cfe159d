import { expect, test } from "bun:test";
import { createSrcUriReader } from "./read-src-uri.ts";

test("long texts are searched for a file in a turn of the event loop each", async () => {
  const reader = createSrcUriReader()();
  const long = { srcUri: `https://h.test/${"a".repeat(100_000)}`, eapi: "8" };
  let [turns, going] = [0, true];
  const count = () => {
    turns++;
    if (going) setImmediate(count);
  };
  setImmediate(count);
  const found = await Promise.all(Array.from({ length: 40 }, () => reader.readFor("b.zip", long)));
  going = false;
  expect(found.every((one) => one === undefined)).toBe(true);
  expect(turns).toBeGreaterThan(30);
});

test("a SRC_URI is parsed once for all files of its ebuild, also while it is being parsed", async () => {
  const metadata = { srcUri: Array.from({ length: 9_000 }, (_, i) => `https://h.test/${i}.zip`).join(" "), eapi: "8" };
  const startReading = createSrcUriReader();
  const [first, ...others] = await Promise.all(Array.from({ length: 10 }, () => startReading().read(metadata)));
  expect(first?.files.size).toBe(9_000);
  for (const other of [...others, await startReading().read(metadata)]) expect(other).toBe(first as typeof other);
  expect(await startReading().read({ ...metadata })).not.toBe(first as typeof first & object);
});
