import { expect, test } from "bun:test";
import type { DistfileName } from "./name.ts";
import { contentsOf, type WantedBy, wantedByText } from "./wanted-by.ts";

const wanted = (repository: string, i: number): WantedBy => ({
  repository,
  location: `/${repository}`,
  category: "c",
  package: `p${i}`,
  entry: { name: "f" as DistfileName, size: i, blake2b: `${repository}${i}` },
});
const many = (repository: string, count: number) => Array.from({ length: count }, (_, i) => wanted(repository, i));

test("a repository that lists a name with many contents hides those of no other repository", () => {
  const contents = contentsOf([...many("bad", 50), ...many("good", 2)]);
  expect(contents.map(({ blake2b }) => blake2b)).toEqual(["bad0", "bad1", "bad2", "bad3", "good0", "good1"]);
});

test("of many packages the first ones are named, and the others counted", () => {
  expect(wantedByText(many("a", 2))).toEqual(["a: c/p0", "a: c/p1"]);
  expect(wantedByText(many("a", 25)).slice(-2)).toEqual(["a: c/p19", "5 more packages"]);
});
