import { expect, test } from "bun:test";
import { createSrcUriReader } from "./read-src-uri.ts";

test("a SRC_URI is parsed once for all files of its ebuild, also while it is being parsed", async () => {
  const metadata = { srcUri: Array.from({ length: 9_000 }, (_, i) => `https://h.test/${i}.zip`).join(" "), eapi: "8" };
  const startReading = createSrcUriReader();
  const [first, ...others] = await Promise.all(Array.from({ length: 10 }, () => startReading()(metadata)));
  expect(first?.files.size).toBe(9_000);
  for (const other of [...others, await startReading()(metadata)]) expect(other).toBe(first as typeof other);
  expect(await startReading()({ ...metadata })).not.toBe(first as typeof first & object);
});
