/**
 * Most tests of a sandbox say other things for root than for an ordinary user: where root runs them, this runs them once
 * more as one.
 */
import { expect, test } from "bun:test";
import { join } from "node:path";

const isRoot = process.getuid?.() === 0;
const FILES = ["sandbox-choose.test.ts", "sandbox-hostile.test.ts", "sandbox-run.test.ts"];

test.skipIf(!isRoot)(
  "an ordinary user is as safe (who has to be able to read this checkout)",
  async () => {
    const child = Bun.spawn(
      ["chroot", "--userspec=65534:65534", "--groups=65534", "--skip-chdir", "/"].concat(
        [process.execPath, "test", "--timeout", "20000"],
        FILES.map((name) => join(import.meta.dir, name)),
      ),
      {
        cwd: join(import.meta.dir, "../.."),
        env: { ...process.env, HOME: "/nonexistent" },
        stderr: "pipe",
        stdout: "pipe",
      },
    );
    const [stdout, stderr, exit] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
    expect({ exit, said: exit === 0 ? "" : stdout + stderr }).toEqual({ exit: 0, said: "" });
    expect(stderr).toMatch(/^ 0 fail$/m);
    expect(stderr).not.toContain("(skip)");
  },
  60_000,
);
