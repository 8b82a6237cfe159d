import { afterEach, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync } from "node:fs";
import { getPriority } from "node:os";
import { createFakeClock, type FakeClock } from "../../testing/fake-clock.ts";
import { processesOf, until } from "../../testing/sync-remotes.ts";
import { createTempFolder, type TempFolder } from "../../testing/temp.ts";
import { createCommandRunner, type RunCommand } from "./run-command.ts";

// Real processes on a machine that may be busy.
setDefaultTimeout(60_000);

let temp: TempFolder;
let clock: FakeClock;
let stopping: AbortController;
let run: RunCommand;

beforeEach(() => {
  temp = createTempFolder();
  clock = createFakeClock();
  stopping = new AbortController();
  const environment = {
    PATH: process.env["PATH"],
    HOME: "/home/x",
    https_proxy: "http://proxy",
    GIT_DIR: "/",
    EDITOR: "x",
  };
  run = createCommandRunner({ environment, clock, signal: stopping.signal });
});
afterEach(() => temp.remove());

const sh = (script: string, options = {}) => run(["sh", "-c", script, "sh", temp.path], options);
const failureOf = (promise: Promise<string>) =>
  promise.then(
    () => "no failure",
    (error: Error) => error.message,
  );

test("a command gets little of the environment, its own variables, no input, and a low priority", async () => {
  const lines = (await sh("env; cat; nice; pwd", { variables: { GIVEN: "1" } })).trim().split("\n");
  const lowered = String(Math.min(19, getPriority() + 10));
  const inherited = lines.filter((line) => !/^(PATH|PWD|OLDPWD|SHLVL|_)=/.test(line)).sort();
  expect(inherited).toEqual(["/", lowered, "GIVEN=1", "HOME=/home/x", "LC_ALL=C", "https_proxy=http://proxy"]);
});

test("a command gets little memory, and ends first where the machine has none left", async () => {
  expect(await sh("ulimit -v; cat /proc/self/oom_score_adj")).toBe("2097152\n1000\n");
});

test("the end of a long output is kept", async () => {
  const output = await sh("head -c 5000000 /dev/zero | tr '\\0' x; echo end");
  expect([output.length, output.slice(-5)]).toEqual([16_384, "xend\n"]);
});

test("processes that a command leaves behind end with it, and their outputs are not waited for", async () => {
  expect(await sh('sleep 100 & sh -c "sleep 100; : $1" & echo done')).toBe("done\n");
  await until(() => processesOf(temp.path).length === 0);
});

test("a failure has the command's errors on one line, without progress, credentials and control characters", async () => {
  const complaints = String.raw`printf 'Receiving objects:  10%% (1/10)\rReceiving objects: 100%% (10/10)\nremote: Counting objects: 3\n' >&2
    printf 'remote: \033[31mgone\033[0m\nfatal: no https://me:secret@host/x\n' >&2; exit 3`;
  expect(await failureOf(sh(complaints))).toBe("remote:  [31mgone [0m; fatal: no https://***@host/x");
  expect(await failureOf(sh("exit 3"))).toBe("sh ended with status 3");
  expect((await failureOf(sh("head -c 100000 /dev/zero | tr '\\0' x >&2; exit 1"))).length).toBe(501);
});

test("a missing program is reported with its package", async () => {
  const bare = createCommandRunner({ environment: { PATH: temp.path }, clock, signal: stopping.signal });
  for (const program of ["sh", "nice"])
    expect(Bun.spawnSync(["ln", "-s", Bun.which(program) ?? "", temp.path]).success).toBe(true);
  expect(await failureOf(bare(["git", "--version"]))).toBe("git is not installed (Gentoo: emerge dev-vcs/git)");
  expect(await failureOf(bare(["rsync", "--version"]))).toBe("rsync is not installed (Gentoo: emerge net-misc/rsync)");
});

test("a command that is silent for too long is stopped with its children, and any command after two hours", async () => {
  const silent = failureOf(sh('sleep 100 & sh -c "sleep 100; : $1"', { silenceMs: 5000 }));
  await until(() => processesOf(temp.path).length > 1);
  await clock.advance(4999);
  expect(processesOf(temp.path).length).toBeGreaterThan(1);
  await clock.advance(1);
  expect(await silent).toBe("sh was stopped: no output for 5 s");
  await until(() => processesOf(temp.path).length === 0);

  const talking = failureOf(sh(`while sleep 0.005; do echo x >&2; done`, { silenceMs: 3_600_000 }));
  for (let hours = 0; hours < 2; hours++) {
    await Bun.sleep(100);
    await clock.advance(3_599_000);
  }
  await Bun.sleep(100);
  await clock.advance(2_000);
  expect(await talking).toBe("sh was stopped: took over 7200 s");
});

test("the signal stops the command, and no other starts", async () => {
  const reason = new Error("enough");
  const running = sh("sleep 100; echo $1").catch((error: unknown) => error);
  await until(() => processesOf(temp.path).length > 0);
  stopping.abort(reason);
  expect(await running).toBe(reason);
  await until(() => processesOf(temp.path).length === 0);
  const late = await sh("touch $1/late").catch((error: unknown) => error);
  expect([late, existsSync(temp.file("late"))]).toEqual([reason, false]);
});

test("output that is refused stops the command, with the reason of whoever refused it", async () => {
  const refuse = () => {
    throw new Error("too much");
  };
  expect(await failureOf(sh("while :; do echo x; done", { onOutput: refuse }))).toBe("too much");
});

test("messages without an end stop the command, though each is a sign of life", async () => {
  const endless = "while :; do printf 'Receiving objects: %064d\\r' 1; done >&2";
  expect(await failureOf(sh(endless, { silenceMs: 120_000 }))).toBe("sh was stopped: wrote over 4.00 MiB of messages");
  expect(await sh("head -c 4000000 /dev/zero >&2; echo done")).toBe("done\n");
});

test("output without an end stops the command", async () => {
  expect(await failureOf(sh("cat /dev/zero"))).toBe("sh was stopped: wrote over 256 MiB");
});
