import { expect, test } from "bun:test";
import { fstatSync, openSync } from "node:fs";
import { writesToJournal } from "./journal.ts";

test("a descriptor leads into the journal if it is the stream that the environment names", () => {
  const descriptor = openSync("/dev/null", "w");
  const { dev, ino } = fstatSync(descriptor);
  expect(writesToJournal({ JOURNAL_STREAM: `${dev}:${ino}` }, descriptor)).toBe(true);
  expect(writesToJournal({ JOURNAL_STREAM: `${dev}:${ino + 1}` }, descriptor)).toBe(false);
  expect(writesToJournal({}, descriptor)).toBe(false);
  expect(writesToJournal({ JOURNAL_STREAM: "1:2" }, 9_999)).toBe(false);
});
