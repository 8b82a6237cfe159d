/**
 * Tests that the demo leaves nothing behind: no process, no file and no mount, whenever and however it is ended.
 */
import { expect, setDefaultTimeout, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createTempFolder } from "../src/testing/temp.ts";

setDefaultTimeout(90_000);

const END_MS = 20_000;

/** Returns the processes that inherited this variable. */
function processesWith(variable: string): readonly string[] {
  return readdirSync("/proc").filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      return readFileSync(`/proc/${pid}/environ`, "utf8").includes(variable);
    } catch {
      // It ended, or is another user's.
      return false;
    }
  });
}

async function waitFor(what: string, holds: () => boolean, timeoutMs = END_MS): Promise<void> {
  const until = performance.now() + timeoutMs;
  while (!holds()) {
    if (performance.now() > until) throw new Error(`timed out waiting for ${what}`);
    await Bun.sleep(50);
  }
}

/** Starts the demo in a terminal of its own, with its temporary files in this folder. */
function startDemo(folder: string, mark: string) {
  let text = "";
  const decoder = new TextDecoder();
  const child = Bun.spawn([join(import.meta.dir, "start"), "--demo"], {
    env: { ...process.env, TMPDIR: folder, DEMO_TEST_MARK: mark },
    terminal: {
      cols: 200,
      rows: 50,
      data(_terminal, bytes) {
        text += decoder.decode(bytes, { stream: true });
      },
    },
  });
  return { child, output: () => text };
}

type Demo = ReturnType<typeof startDemo>;

const ENDS: readonly (readonly [string, (demo: Demo) => void])[] = [
  ["Ctrl-C", ({ child }) => child.terminal?.write("\x03")],
  ["SIGTERM", ({ child }) => child.kill("SIGTERM")],
  ["a closed terminal", ({ child }) => child.terminal?.close()],
];
const MOMENTS = [
  ["while it serves", "Serving until Ctrl-C."],
  ["in the middle", "Cold: wget"],
  ["at its start", ""],
] as const;

test.each(ENDS.flatMap(([end, act]) => MOMENTS.map(([moment, line]) => [end, moment, act, line] as const)))(
  "%s %s leaves no process, file or mount",
  async (_end, _moment, act, line) => {
    using folder = createTempFolder("portcache-demo-test-");
    const mark = `${process.pid}-${performance.now()}`;
    const variable = `DEMO_TEST_MARK=${mark}`;
    const demo = startDemo(folder.path, mark);
    if (line === "") await waitFor("its first file", () => readdirSync(folder.path).length > 0);
    else await waitFor(line, () => demo.output().includes(line));
    act(demo);
    await waitFor("its end", () => processesWith(variable).length === 0);
    expect(readdirSync(folder.path)).toEqual([]);
    expect(readFileSync("/proc/self/mountinfo", "utf8")).not.toContain(folder.path);
  },
);
