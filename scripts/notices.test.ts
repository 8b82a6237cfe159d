import { expect, test } from "bun:test";
import { dependencies } from "../package.json" with { type: "json" };
import { notices, packageNotices } from "./notices.ts";

/** Licences that may be combined with the GPL, version 3. */
const COMPATIBLE = ["Apache-2.0", "BSD-3-Clause", "MIT"];

test("NOTICES has the licence of every package in the executable, and of the runtime", () => {
  const packages = packageNotices();
  expect(packages.map(({ name }) => name)).toEqual(expect.arrayContaining(Object.keys(dependencies)));
  expect(packages.filter(({ license }) => !COMPATIBLE.includes(license))).toEqual([]);
  for (const { name, text } of packages) {
    expect([name, text]).toEqual([name, expect.stringMatching(/copyright/i)]);
    expect([name, text.length > 500]).toEqual([name, true]);
  }
  expect(notices()).toMatch(/^Bun \d+\.\d+\.\d+ .*MIT licence\.$/m);
});
