/**
 * Takes away the output: a full disk, a reader that has left, a closed descriptor. A command ends with at most one line and a
 * sensible exit code; the server continues.
 */
import { expect, test } from "bun:test";
import { mkdirSync, readFileSync } from "node:fs";
import { executablePath } from "../src/testing/executable.ts";
import { createTempFolder } from "../src/testing/temp.ts";

const folder = createTempFolder("portcache-output-");
mkdirSync(folder.file("store/distfiles"), { recursive: true });
const settings = [
  "--location",
  folder.file("store"),
  "--mirror",
  "http://127.0.0.1:1",
  "--set",
  "repo.sync_interval=0",
];

/** Runs the executable with a redirection or a pipe of bash. @returns its own exit code, also in a pipe */
function shell(command: string, redirection: string): { readonly exit: number; readonly stderr: string } {
  // The other end of a pipe gets the time to do what it is to do.
  const script = `{ sleep 0.2; exec "$0" "$@"; } ${redirection}; exit "\${PIPESTATUS[0]}"`;
  const argv = ["bash", "-c", script, executablePath(), ...command.split(" ")];
  const env = { PATH: process.env["PATH"] ?? "", LC_ALL: "C" };
  const { exitCode, stderr } = Bun.spawnSync(argv, { stdout: "ignore", stderr: "pipe", env, timeout: 20_000 });
  return { exit: exitCode, stderr: stderr.toString() };
}

const PRINTING = [
  "--help",
  "--version",
  "serve --help",
  "check",
  "check --json",
  "status",
  "status --json",
  "mirrors",
  "mirrors --json",
  "resolve --json x-1.tar.gz",
  "client",
  "client --json",
  "verify",
  "clean --dry-run",
  "index --json",
].map((command) =>
  command.includes("--help") || command === "--version" ? command : `${command} ${settings.join(" ")}`,
);

/** Returns the lines of standard error that are not log lines. */
function complaints(stderr: string): readonly string[] {
  return stderr.split("\n").filter((line) => line !== "" && !/^\d{4}-\d\d-\d\dT\S+ (INF|WRN|ERR) /.test(line));
}

test("a command whose output meets a full disk says so in one line and fails", () => {
  for (const command of PRINTING) {
    const { exit, stderr } = shell(command, ">/dev/full");
    const line = "portcache: cannot write output: no space left on device";
    expect([command, exit, complaints(stderr)]).toEqual([command, 1, [line]]);
  }
}, 60_000);

test("a command whose reader has left ends silently, as if by SIGPIPE", () => {
  for (const command of PRINTING) {
    const { exit, stderr } = shell(command, "| { exec <&-; }");
    expect([command, exit, complaints(stderr)]).toEqual([command, 141, []]);
  }
}, 60_000);

test("a closed standard output and a full error output do not change the exit code", () => {
  for (const redirection of [">&-", "2>/dev/full", "2>&-"]) {
    expect([redirection, shell("--version", redirection)]).toEqual([redirection, { exit: 0, stderr: "" }]);
    expect([redirection, shell("bogus", redirection).exit]).toEqual([redirection, 2]);
  }
});

test("the server continues when neither its output nor its log can be written", async () => {
  const port = 20_000 + (process.pid % 10_000);
  const argv = [executablePath(), "serve", ...settings, "--address", "127.0.0.1", "--port", String(port)];
  const full = Bun.file("/dev/full");
  const child = Bun.spawn(argv, { stdout: full, stderr: full, env: { LC_ALL: "C" } });
  try {
    const answer = async () => await fetch(`http://127.0.0.1:${port}/healthz`).catch(() => undefined);
    let health = await answer();
    for (let tries = 0; tries < 100 && !health; tries++) {
      await Bun.sleep(100);
      health = await answer();
    }
    expect(health?.status).toBe(200);
    for (let asked = 0; asked < 50; asked++)
      await (await fetch(`http://127.0.0.1:${port}/distfiles/layout.conf`)).text();
    expect((await answer())?.status).toBe(200);
    expect(readFileSync(`/proc/${child.pid}/comm`, "utf8")).toStartWith("portcache");
  } finally {
    child.kill("SIGTERM");
    expect(await child.exited).toBe(0);
    folder.remove();
  }
}, 60_000);
