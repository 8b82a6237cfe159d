import { expect, test } from "bun:test";
import { parseChunkSize, parseResponseHead } from "./response-head.ts";

test("a head is read however its lines are written", () => {
  const head = parseResponseHead([
    "HTTP/1.0  206 ",
    "A : 1",
    " 2",
    "b:3",
    "no field",
    ": none",
    "a: 4",
    "C d: 5",
    "E: x\0y",
  ]);
  expect(head?.status).toBe(206);
  expect([...(head?.headers ?? [])]).toEqual([
    ["a", "1 2, 4"],
    ["b", "3"],
    ["e", "x y"],
  ]);
});

test("a status line may lack the version, or the blank before the reason, as wget reads it", () => {
  for (const line of ["HTTP 200 OK", "HTTP/1. 200 OK", "HTTP/1.1 200OK", "http/1.1\t200"]) {
    expect([line, parseResponseHead([line])?.status]).toEqual([line, 200]);
  }
});

test("what is no status line makes no head", () => {
  for (const line of ["", "HTTP/1.1", "HTTP/1.1 20", "HTTP/1.1 2000", "HTTP/1.1 700 x", "ICY 200 OK", "<html>"]) {
    expect(parseResponseHead([line])).toBeUndefined();
  }
});

test("the size of a chunk may be padded and extended", () => {
  for (const [line, size] of [
    ["0", 0],
    ["00fF", 255],
    [" 3e8  ", 1000],
    ["a;b=c", 10],
    ["a ; b", 10],
    ["", undefined],
    ["-1", undefined],
    ["0x10", 16],
    ["000000000000000014", 20],
    ["fffffffffffff", undefined],
  ] as const) {
    expect([line, parseChunkSize(line)]).toEqual([line, size]);
  }
});
