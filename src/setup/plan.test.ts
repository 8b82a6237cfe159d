import { expect, test } from "bun:test";
import { type Digests, planInstall, planRemoval } from "./plan.ts";
import { formatRecord, parseRecord } from "./record.ts";

const none = undefined;

test.each<[string, string, Digests]>([
  ["it is not there", "install", { wanted: "new", present: none, recorded: none }],
  ["it was removed since", "install", { wanted: "new", present: none, recorded: "new" }],
  ["it is as it should be", "unchanged", { wanted: "new", present: "new", recorded: "new" }],
  ["it is as it should be, and nobody knows why", "unchanged", { wanted: "new", present: "new", recorded: none }],
  ["it is another version's", "replace", { wanted: "new", present: "old", recorded: "old" }],
  ["it was changed since", "kept", { wanted: "new", present: "own", recorded: "new" }],
  ["it was changed, and there is a new version", "offer", { wanted: "new", present: "own", recorded: "old" }],
  ["it was there before", "offer", { wanted: "new", present: "own", recorded: none }],
  ["this version has it no more", "remove", { wanted: none, present: "old", recorded: "old" }],
  ["this version has it no more, and it was changed", "kept", { wanted: none, present: "own", recorded: "old" }],
])("installing where %s: %s", (_case, action, digests) => {
  expect(planInstall(digests)).toBe(action as ReturnType<typeof planInstall>);
});

test("removing takes what is as it was installed, and nothing else", () => {
  const removal = (present: string | undefined, recorded: string | undefined) =>
    planRemoval({ wanted: none, present, recorded });
  expect([removal("a", "a"), removal("b", "a"), removal(none, "a")]).toEqual(["remove", "kept", "absent"]);
});

test("the record is what sha256sum writes, and reads it back", () => {
  const record = new Map([
    ["/etc/b c", "b".repeat(64)],
    ["/etc/a", "a".repeat(64)],
  ]);
  expect(formatRecord(record)).toBe(`${"a".repeat(64)}  /etc/a\n${"b".repeat(64)}  /etc/b c\n`);
  expect(parseRecord(formatRecord(record))).toEqual(new Map([...record].toReversed()));
  expect(parseRecord("no digest\n\n").size).toBe(0);
});
