/**
 * Ends and removes what a measurement started and wrote, however it ends: it runs as the leader of its own process group with
 * its own temporary folder, and a shell waits for the end of a pipe, which comes even when everything else is killed. Then the
 * shell kills the group, nginx's workers included, and removes the folder.
 */
import { mkdtempSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";

/** Set for the guarded process. */
const MARK = "PORTCACHE_BENCH_GUARDED";
const GUARD = 'cat >/dev/null; kill -KILL -- "-$1" 2>/dev/null; rm -rf -- "$2"';
const SIGNALS = ["SIGHUP", "SIGINT", "SIGTERM"] as const;

async function guard(script: string): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), "portcache-bench-"));
  const child = Bun.spawn([process.execPath, script, ...process.argv.slice(2)], {
    env: { ...process.env, [MARK]: "1", TMPDIR: folder },
    // This process handles Ctrl-C; it reaches the other one through the guard.
    detached: true,
    stdio: ["ignore", "inherit", "inherit"],
  });
  const shell = Bun.spawn(["sh", "-c", GUARD, "guard", String(child.pid), folder], {
    detached: true,
    stdio: ["pipe", "ignore", "inherit"],
  });
  const interrupted = Promise.withResolvers<number>();
  for (const signal of SIGNALS) process.on(signal, () => interrupted.resolve(128 + constants.signals[signal]));
  const exit = await Promise.race([child.exited, interrupted.promise]);
  await shell.stdin.end();
  await shell.exited;
  return exit;
}

/**
 * Runs the script again under guard, with the same arguments; there it runs `main`.
 * @param script the absolute path of the program that calls this @returns the exit status
 */
export async function runGuarded(script: string, main: () => Promise<number>): Promise<number> {
  return process.env[MARK] === undefined ? await guard(script) : await main();
}
