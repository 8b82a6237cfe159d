import { expect, test } from "bun:test";

/** What a process writes to standard error. */
async function logged(format: "text" | "json", script: string): Promise<string> {
  const code = `import { openLog } from "${import.meta.dir}/log.ts"; const log = await openLog("info", "${format}"); ${script}`;
  const child = Bun.spawn([process.execPath, "-e", code], { stdin: "ignore", stdout: "ignore", stderr: "pipe" });
  return await child.stderr.text();
}

test("text has instant, level and the message with its values", async () => {
  const text = await logged(
    "text",
    `log.warn("{file}: {error}, {count} {count} {none}", { file: "{a}", error: new Error("broken"), count: 2 });
     log.info("plain"); log.debug("not this"); log.error("{{braces}} {a.b}", { a: { b: 1 } });`,
  );
  const lines = text.split("\n");
  expect(lines[0]).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z WRN \{a\}: broken, 2 2 undefined$/);
  expect(lines.slice(1).map((line) => line.slice(25))).toEqual(["INF plain", "ERR {braces} 1", ""]);
});

test("json has one object a line", async () => {
  const [line = "", ...rest] = (await logged("json", `log.info("{file}", { file: "a" });`)).split("\n");
  expect(JSON.parse(line)).toMatchObject({ level: "INFO", properties: { file: "a" } });
  expect(rest).toEqual([""]);
});

test("no line is lost when the process ends at once", async () => {
  const text = await logged("text", `for (let i = 0; i < 5000; i++) log.info("line {i}", { i }); process.exit(0);`);
  expect(text.match(/INF line \d+$/gm)?.length).toBe(5000);
});
