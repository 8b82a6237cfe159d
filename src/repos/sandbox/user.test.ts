/**
 * Runs the tests of sandboxes a second time as an ordinary user, where root runs them: most of them behave differently then.
 */
import { expect, test } from "bun:test";
import { join } from "node:path";

const isRoot = process.getuid?.() === 0;
const FILES = ["choose.test.ts", "hostile.test.ts", "run.test.ts"];

test.skipIf(!isRoot)(
  "the sandbox is as safe for an ordinary user (who needs access to this checkout)",
  async () => {
    const become = ["chroot", "--userspec=65534:65534", "--groups=65534", "--skip-chdir", "/"];
    const files = FILES.map((name) => join(import.meta.dir, name));
    const child = Bun.spawn([...become, process.execPath, "test", "--timeout", "15000", ...files], {
      cwd: join(import.meta.dir, "../../.."),
      env: { ...process.env, HOME: "/nonexistent" },
      stderr: "pipe",
      stdout: "ignore",
    });
    const [errors, exit] = await Promise.all([child.stderr.text(), child.exited]);
    expect({ exit, errors: exit === 0 ? "" : errors }).toEqual({ exit: 0, errors: "" });
    expect(errors).toMatch(/^ 0 fail$/m);
    expect(errors).not.toContain("(skip)");
  },
  60_000,
);
