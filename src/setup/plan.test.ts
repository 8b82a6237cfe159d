import { expect, test } from "bun:test";
import { type FileDigests, planInstall, planRemoval } from "./plan.ts";
import { formatRecord, parseRecord } from "./record.ts";

const none = undefined;

test.each<[string, string, FileDigests]>([
  ["the file is missing", "install", { wanted: "new", present: none, recorded: none }],
  ["the file was removed", "install", { wanted: "new", present: none, recorded: "new" }],
  ["the file is up to date", "unchanged", { wanted: "new", present: "new", recorded: "new" }],
  ["the file is up to date but not in the record", "unchanged", { wanted: "new", present: "new", recorded: none }],
  ["another version installed the file", "replace", { wanted: "new", present: "old", recorded: "old" }],
  ["the file was changed", "kept", { wanted: "new", present: "own", recorded: "new" }],
  ["the file was changed and there is a new version", "offer", { wanted: "new", present: "own", recorded: "old" }],
  ["the file was there before", "offer", { wanted: "new", present: "own", recorded: none }],
  ["this version no longer has the file", "remove", { wanted: none, present: "old", recorded: "old" }],
  ["this version no longer has the file, which was changed", "kept", { wanted: none, present: "own", recorded: "old" }],
])("when %s: %s", (_case, change, digests) => {
  expect(planInstall(digests)).toBe(change as ReturnType<typeof planInstall>);
});

test("uninstalling removes unchanged files and nothing else", () => {
  const removal = (present: string | undefined, recorded: string | undefined) =>
    planRemoval({ wanted: none, present, recorded });
  expect([removal("a", "a"), removal("b", "a"), removal(none, "a")]).toEqual(["remove", "kept", "absent"]);
});

test("the record has the format of sha256sum, and is read back", () => {
  const record = new Map([
    ["/etc/b c", "b".repeat(64)],
    ["/etc/a", "a".repeat(64)],
  ]);
  expect(formatRecord(record)).toBe(`${"a".repeat(64)}  /etc/a\n${"b".repeat(64)}  /etc/b c\n`);
  expect(parseRecord(formatRecord(record))).toEqual(new Map([...record].toReversed()));
  expect(parseRecord("no digest\n\n").size).toBe(0);
});
