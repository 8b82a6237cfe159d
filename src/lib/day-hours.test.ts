import { expect, test } from "bun:test";
import fc from "fast-check";
import { formatDayHours, includesTime, parseDayHours } from "./day-hours.ts";

const within = (text: string, hours: number, minutes: number) => {
  const parsed = parseDayHours(text);
  return parsed && includesTime(parsed, new Date(2026, 0, 1, hours, minutes));
};

test("hours of a day begin with their first minute, and end before their last", () => {
  expect(within("08:00-23:00", 7, 59)).toBe(false);
  expect(within("08:00-23:00", 8, 0)).toBe(true);
  expect(within("08:00-23:00", 22, 59)).toBe(true);
  expect(within("08:00-23:00", 23, 0)).toBe(false);
});

test("hours may go over midnight, or up to it", () => {
  expect(within("22:30-06:00", 22, 29)).toBe(false);
  expect(within("22:30-06:00", 23, 59)).toBe(true);
  expect(within("22:30-06:00", 0, 0)).toBe(true);
  expect(within("22:30-06:00", 6, 0)).toBe(false);
  expect(within("12:00-24:00", 23, 59)).toBe(true);
  expect(within("12:00-24:00", 0, 0)).toBe(false);
  expect(within("12:00-00:00", 23, 59)).toBe(true);
  expect(within("12:00-00:00", 0, 0)).toBe(false);
});

test("what is no such text is not read", () => {
  for (const text of [
    "",
    "8-23",
    "08:00",
    "08:00-",
    "08:60-09:00",
    "24:00-08:00",
    "25:00-26:00",
    "08:00-24:01",
    "08:00-08:00",
  ]) {
    expect([text, parseDayHours(text)]).toEqual([text, undefined]);
  }
});

test("each minute of the day is either within some hours or within those between, and both are read as they are written", () => {
  const minute = fc.integer({ min: 0, max: 1439 });
  fc.assert(
    fc.property(minute, minute, minute, (start, end, at) => {
      fc.pre(start !== end);
      const time = new Date(2026, 0, 1, 0, at);
      expect(includesTime({ start, end }, time)).toBe(!includesTime({ start: end, end: start }, time));
      expect(parseDayHours(formatDayHours({ start, end }))).toEqual({ start, end });
    }),
  );
});
