/**
 * Most tests of a sandbox say other things for root than for an ordinary user: where root runs them, this runs them once
 * more as one.
 */
import { expect, test } from "bun:test";
import { join } from "node:path";

const isRoot = process.getuid?.() === 0;
const FILES = ["choose.test.ts", "hostile.test.ts", "run.test.ts"];

test.skipIf(!isRoot)(
  "an ordinary user is as safe (who has to be able to read this checkout)",
  async () => {
    const become = ["chroot", "--userspec=65534:65534", "--groups=65534", "--skip-chdir", "/"];
    const files = FILES.map((name) => join(import.meta.dir, name));
    const child = Bun.spawn([...become, process.execPath, "test", "--timeout", "15000", ...files], {
      cwd: join(import.meta.dir, "../../.."),
      env: { ...process.env, HOME: "/nonexistent" },
      stderr: "pipe",
      stdout: "ignore",
    });
    const [said, exit] = await Promise.all([child.stderr.text(), child.exited]);
    expect({ exit, said: exit === 0 ? "" : said }).toEqual({ exit: 0, said: "" });
    expect(said).toMatch(/^ 0 fail$/m);
    expect(said).not.toContain("(skip)");
  },
  60_000,
);
