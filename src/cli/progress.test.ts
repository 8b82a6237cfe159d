import { expect, test } from "bun:test";
import { Writable } from "node:stream";
import { progressOf } from "../api/actions.ts";
import { createProgressView } from "./progress.ts";

const MIB = 1024 * 1024;

/** A terminal of 80 columns that keeps what it is sent. */
function createTerminal() {
  let text = "";
  const stream = new Writable({
    write(chunk, _, done) {
      text += chunk;
      done();
    },
  });
  return {
    stream: Object.assign(stream, { isTTY: true, columns: 80, rows: 24 }) as unknown as NodeJS.WriteStream,
    /** Returns the lines that were drawn, without control sequences. */
    lines: () =>
      Bun.stripANSI(text)
        .split(/[\r\n]+|(?=fetching)/)
        .map((line) => line.trimEnd()),
  };
}

test("progress has a share, a speed and the time left, for the whole and for each file, within 80 columns", async () => {
  const { stream, lines } = createTerminal();
  const view = createProgressView(stream, true);
  const name = "a-file-with-a-rather-long-name-1.2.3.tar.xz";
  for (let step = 0; step <= 10; step++) {
    const active = [{ name, bytes: step * MIB, size: 40 * MIB }];
    const [bytes, total_bytes] = [step * 2 * MIB, 100 * MIB];
    view.show(progressOf("fetching", { done: step, total: 12_345, bytes, total_bytes, active }));
    await Bun.sleep(100);
  }
  const drawn = lines();
  view.clear();
  expect(
    drawn.some((line) =>
      /^fetching +█*░+ +\d+% {2}\d+(\.\d+)? MiB\/s {2}\d+ s left {2}\d+\/12,345 of 100 MiB$/.test(line),
    ),
  ).toBe(true);
  expect(
    drawn.some((line) => /^ {2}a-file-\S+…\S+ █*░+ +\d+% {2}\S+ MiB\/s {2}\d+ s left {2}of 40\.0 MiB$/.test(line)),
  ).toBe(true);
  for (const line of drawn) expect(Bun.stringWidth(line)).toBeLessThanOrEqual(80);
});

test("what has no known end is shown without a bar, and removed", () => {
  const { stream, lines } = createTerminal();
  const view = createProgressView(stream, false);
  view.show(progressOf("reading repositories"));
  view.show(progressOf("removing", { done: 3, bytes: 5 * MIB }));
  view.clear();
  expect(lines()).toEqual(["reading repositories...", "removing...  3 5.00 MiB", ""]);
});
