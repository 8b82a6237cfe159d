import { expect, test } from "bun:test";
import fc from "fast-check";
import type { LogFormat } from "./log.ts";
import { visible } from "./text.ts";

/** What a process with this log writes to standard error. */
async function logged(format: LogFormat, calls: string, level = "info"): Promise<string> {
  const script = `
    const { infoLine, openLog } = await import(${JSON.stringify(`${import.meta.dir}/log.ts`)});
    const log = await openLog("${level}", "${format}");
    ${calls}`;
  const child = Bun.spawn([process.execPath, "-e", script], { stdout: "ignore", stderr: "pipe" });
  return await child.stderr.text();
}

const HOSTILE = String.raw`log.info("{client} GET {file}: {error}", { client: "::1", file: "a\x1b[31m\nb\x9b2J\u202ec\u2028", error: new Error("no\r\nanswer", { cause: new Error("inner") }), bytes: 5, level: 7 });`;

test("text is one line a record without control characters", async () => {
  const text = await logged("text", HOSTILE);
  expect(text).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z INF /);
  expect(text.slice(29)).toBe(`::1 GET a\\x1b[31m\\x0ab\\x9b2J\\u{202e}c\\u{2028}: no\\x0d\\x0aanswer\n`);
});

test("JSON is one object a line, with the same text, values under their names and errors by their reason", async () => {
  const text = await logged("json", HOSTILE);
  expect(text.trimEnd()).toMatch(/^[\x20-\x7e]*$/);
  const { time, ...rest } = JSON.parse(text);
  expect(new Date(time).toISOString()).toBe(time);
  expect(rest).toEqual({
    level: "info",
    message: "::1 GET a\u001b[31m\nb\u009b2J\u202ec\u2028: no\r\nanswer",
    client: "::1",
    file: "a\u001b[31m\nb\u009b2J\u202ec\u2028",
    error: "no\r\nanswer",
    bytes: 5,
  });
});

test("errors give their reason and their file, and where they were thrown at debug level alone", async () => {
  const failing = `
    const { readFileSync } = await import("node:fs");
    try { readFileSync("/nonexistent/a"); } catch (error) { log.error("Cannot read it: {error}", { error }); }`;
  const line = "ERR Cannot read it: open /nonexistent/a: no such file or directory\n";
  expect((await logged("text", failing)).slice(25)).toBe(line);
  const [first, ...frames] = (await logged("text", failing, "debug")).slice(25).trimEnd().split("\n");
  expect([`${first}\n`, frames.every((frame) => frame.startsWith("    at "))]).toEqual([line, true]);
  expect(JSON.parse(await logged("json", failing))).not.toHaveProperty("stack");
  expect(JSON.parse(await logged("json", failing, "debug")).stack).toEqual(
    frames.map(() => expect.stringContaining("at ")),
  );
});

test("JSON escaped for a terminal keeps its meaning", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      expect(JSON.parse(visible(JSON.stringify(text), "\\u"))).toBe(text);
      expect(visible(text)).toBe(visible(visible(text)));
    }),
  );
  expect(visible("größe ✓ 文")).toBe("größe ✓ 文");
});

test("in the journal each line begins with its priority, text has no time, and a change of the level keeps that", async () => {
  const calls = `
    await openLog("debug", "FORMAT", { toJournal: true });
    log.debug("a"); log.info("b"); infoLine("c", {});
    await openLog("info", "FORMAT");
    log.warn("d"); log.error("e");`;
  expect(await logged("text", calls.replaceAll("FORMAT", "text"))).toBe(
    "<7>DBG a\n<6>INF b\n<6>INF c\n<4>WRN d\n<3>ERR e\n",
  );
  const json = (await logged("json", calls.replaceAll("FORMAT", "json"))).trimEnd().split("\n");
  expect(json.map((line) => line.slice(0, 3))).toEqual(["<7>", "<6>", "<6>", "<4>", "<3>"]);
  expect(json.map((line) => JSON.parse(line.slice(3)).message)).toEqual(["a", "b", "c", "d", "e"]);
});

test("no line is lost when the process exits", async () => {
  const text = await logged("text", `for (let i = 0; i < 5000; i++) log.info("line {i}", { i }); process.exit(0);`);
  expect(text.match(/INF line \d+$/gm)?.length).toBe(5000);
});

test("infoLine() writes what info() would, in both formats and at the current level", async () => {
  const script = String.raw`infoLine("a\x1b hit", { file: "a" }); await openLog("warn", "text"); infoLine("not this", {});`;
  expect((await logged("text", script)).slice(25)).toBe("INF a\\x1b hit\n");
  expect(JSON.parse(await logged("json", script))).toMatchObject({ level: "info", message: "a\x1b hit", file: "a" });
});
