/**
 * Tries in each sandbox what the author of an ebuild might try. A sandbox that does not work here fails the test: these are
 * claims about bubblewrap and unshare, not about this machine.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createTempFolder } from "../../testing/temp.ts";
import { openSandbox } from "./choose.ts";
import { readProcesses } from "./processes.ts";
import { findProgram } from "./programs.ts";
import type { Sandbox, SandboxResult } from "./sandbox.ts";

const isRoot = process.getuid?.() === 0;
const OUTPUT_BYTES = 4 * 1024 ** 2;
/** Limits for scripts that never end by themselves. */
const BRIEF = { timeMs: 800 };
const ENDLESS = "while :; do :; done";
const FORK_BOMB = "f() { f | f & f; }; f";

interface Outcome extends SandboxResult {
  readonly text: string;
  readonly tookMs: number;
}

/** Creates a text for the start of a script, by which its processes are found. */
function createMark(): string {
  return `mark-${crypto.randomUUID()}`;
}

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    return "";
  }
}

function withMark(mark: string): readonly string[] {
  return readdirSync("/proc").filter((name) => /^\d+$/.test(name) && commandLine(name).includes(mark));
}

const folder = createTempFolder();
afterAll(() => folder.remove());
const repository = folder.file("a repository");
const secret = folder.file("secret");
let connections = 0;
const listener = Bun.listen({
  hostname: "127.0.0.1",
  port: 0,
  socket: {
    open: () => {
      connections++;
    },
    data: () => undefined,
  },
});
const server = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response("here") });
afterAll(() => {
  listener.stop(true);
  return server.stop(true);
});

beforeAll(() => {
  mkdirSync(repository, { mode: 0o755 });
  writeFileSync(`${repository}/file`, "content of the repository", { mode: 0o644 });
  writeFileSync(secret, "of the server", { mode: 0o600 });
  // Permissions alone would make it writable for all.
  mkdirSync(`${repository}/open`);
  Bun.spawnSync(["chmod", "777", `${repository}/open`]);
});

/**
 * Waits until the processes of earlier tests are reaped: sandboxes of one process share their users, since a server has only
 * one sandbox, and with too many processes bash waits seconds before it forks again.
 */
async function untilReaped(): Promise<void> {
  const isLeft = ({ uid }: { readonly uid: number }) => isRoot && uid >= 65_520 && uid < 65_534;
  for (let i = 0; i < 100 && (await readProcesses()).some(isLeft); i++) await Bun.sleep(50);
}

/** Runs a script, which must end in time and leave no process. */
async function runIn(sandbox: Sandbox, script: string, input = ""): Promise<Outcome> {
  const startedAt = performance.now();
  const mark = createMark();
  const result = await sandbox.run({
    script: `: ${mark}\n${script}`,
    input: Buffer.from(input),
    readable: [repository],
  });
  const tookMs = performance.now() - startedAt;
  expect(withMark(mark)).toEqual([]);
  if (result.end === "time") expect(tookMs).toBeWithin(BRIEF.timeMs - 1, BRIEF.timeMs + 10_000);
  return { ...result, text: new TextDecoder().decode(result.output), tookMs };
}

/** Measures the 95th percentile of response times of a server in this process. */
async function slowestRequest(whileIt: Promise<unknown>): Promise<number> {
  let isOver = false;
  void whileIt.finally(() => {
    isOver = true;
  });
  const times: number[] = [];
  while (!isOver) {
    const startedAt = performance.now();
    await (await fetch(server.url)).text();
    times.push(performance.now() - startedAt);
    await Bun.sleep(5);
  }
  times.sort((a, b) => a - b);
  return times[Math.floor(times.length * 0.95)] ?? Number.POSITIVE_INFINITY;
}

describe.each(["bubblewrap", "unshare", "none"] as const)("%s", (kind) => {
  let sandbox: Sandbox;
  let brief: Sandbox;
  beforeAll(async () => {
    sandbox = await openSandbox(kind, { limits: { outputBytes: OUTPUT_BYTES } });
    brief = await openSandbox(kind, { limits: BRIEF });
  });
  afterAll(() => Promise.all([sandbox.stop(), brief.stop()]));
  beforeEach(untilReaped);
  const run = (script: string, input?: string) => runIn(sandbox, script, input);

  test("an endless loop and a fork bomb are killed in time, while the server keeps answering", async () => {
    const runs = Promise.all([runIn(brief, ENDLESS), runIn(brief, FORK_BOMB)]);
    const slowestMs = await slowestRequest(runs);
    expect((await runs).map(({ end }) => end)).toEqual(["time", "time"]);
    // A server that the runs delay would only answer after their end.
    expect(slowestMs).toBeLessThan(BRIEF.timeMs / 2);
  });

  test("background processes end with the script", async () => {
    const [plain, daemon] = await Promise.all([
      run(`(${ENDLESS}) & exit 3`),
      run(`set -m; (exec >/dev/null 2>&1 </dev/null; ${ENDLESS}) & disown; exit 4`),
    ]);
    expect(plain).toMatchObject({ end: "exit", exit: 3 });
    expect(daemon).toMatchObject({ end: "exit", exit: 4 });
    expect(Math.max(plain.tookMs, daemon.tookMs)).toBeLessThan(8000);
  });

  test("a run with closed descriptors ends as well", async () => {
    const [all, held] = await Promise.all([
      runIn(brief, `exec 0<&- 1>&- 2>&-; ${ENDLESS}`),
      runIn(brief, `exec 5>&1 6>&2; (${ENDLESS}) & wait`),
    ]);
    expect(all).toMatchObject({ end: "time", text: "", errors: "" });
    expect(held.end).toBe("time");
  });

  test("memory is limited for each process, and for all together", async () => {
    const little = await openSandbox(kind, { limits: { memoryBytes: 96 * 1024 ** 2 } });
    const one = await runIn(little, "x=xxxxxxxx; while :; do x+=$x; done");
    expect(one.end === "memory" || (one.end === "exit" && one.exit !== 0)).toBe(true);
    const many = await runIn(little, `for i in {1..12}; do (printf -v x %20000000s; ${ENDLESS}) & done; wait`);
    expect(many).toMatchObject({ end: "memory" });
  });

  test("a flood of output or errors is stopped", async () => {
    const flood = 'printf -v x %100000s; while :; do echo $x$x$x"$x"; done';
    const [output, errors] = await Promise.all([run(flood), run(`exec >&2; ${flood}`)]);
    expect(output).toMatchObject({ end: "output", errors: "" });
    expect(output.output.length).toBe(OUTPUT_BYTES);
    expect(errors).toMatchObject({ end: "output", text: "" });
    expect(errors.errors.length).toBe(64 * 1024);
  });

  test("input may stay unread, and writing to it has no effect", async () => {
    const input = "x".repeat(3_000_000);
    expect(await run(":", input)).toMatchObject({ end: "exit", exit: 0, errors: "" });
    expect(await run("read -r -N 10 x; echo $x >&0; echo $x", input)).toMatchObject({
      end: "exit",
      text: "xxxxxxxxxx\n",
    });
  });

  test("limits cannot be raised", async () => {
    const raise =
      "for l in c f n t u v; do ulimit -$l unlimited && echo raised $l; done 2>/dev/null; ulimit -Hn; ulimit -Hu";
    const { text } = await run(raise);
    expect(text).toMatch(/^64\n\d+\n$/);
    // An ordinary user without a user namespace has processes of other kinds, too.
    if (isRoot || kind !== "none") expect(text).toBe("64\n64\n");
  });

  test("environment, descriptors and signal dispositions are not inherited", async () => {
    process.env["PORTCACHE_SECRET"] = "of the server";
    const { text } = await run("declare -px; printf '%s\n' /proc/self/fd/*; trap -p; umask; pwd");
    const names = [...text.matchAll(/^declare -x (\w+)/gm)].map(([, name]) => name);
    const allowed = ["HOME", "LC_ALL", "OLDPWD", "PATH", "PWD", "SHLVL", "TMPDIR"];
    expect(names.filter((name) => !allowed.includes(name ?? ""))).toEqual([]);
    // 3 is the folder itself, while it is listed.
    expect(text).toContain("\n/proc/self/fd/0\n/proc/self/fd/1\n/proc/self/fd/2\n/proc/self/fd/3\n0022\n/\n");
  });

  test("stop() ends runs at once, and no run starts afterwards", async () => {
    const other = await openSandbox(kind);
    const runs = [ENDLESS, ENDLESS, ENDLESS, "echo begun"].map((script) => runIn(other, script));
    await Bun.sleep(100);
    await other.stop();
    expect(await Promise.all(runs)).toMatchObject([
      { end: "stopped" },
      { end: "stopped" },
      { end: "stopped" },
      { end: "stopped", text: "" },
    ]);
    expect(await runIn(other, "echo begun")).toMatchObject({ end: "stopped", text: "" });
  });
});

describe.each(["bubblewrap", "unshare"] as const)("%s", (kind) => {
  let sandbox: Sandbox;
  beforeAll(async () => {
    sandbox = await openSandbox(kind);
  });
  afterAll(() => sandbox.stop());
  beforeEach(untilReaped);
  const run = (script: string, input?: string) => runIn(sandbox, script, input);

  test("processes of another run do not count for the limit", async () => {
    const forty = "exec 7<> <(:); for i in {1..40}; do (read -r -u 7) & done; echo all";
    const outcomes = await Promise.all([run(forty), run(forty)]);
    for (const outcome of outcomes) expect(outcome).toMatchObject({ end: "exit", exit: 0, text: "all\n", errors: "" });
  });

  test("no process outside is visible, or can be killed", async () => {
    const { text, end } = await run(`kill -9 ${process.pid}; kill -9 -1; kill -9 $PPID; echo /proc/[0-9]*; kill -9 0`);
    expect(end).toBe("exit");
    expect(text.trim().split(" ").length).toBeLessThan(3);
  });

  test("only bash, its libraries and the readable files exist", async () => {
    const names = [
      "/etc",
      "/root",
      "/home",
      "/var",
      "/sys",
      "/opt",
      "/dev/shm",
      "/dev/pts",
      "/dev/tty",
      "/proc/1/root/etc",
      secret,
    ];
    const { text } = await run(`
      for file in ${names.join(" ")} /proc/*/cwd/etc /proc/self/task/*/root/etc; do [[ ! -e $file ]] || echo "sees $file"; done
      echo $(<"${repository}/file"); echo "${folder.path}"/*
      for file in /proc/*/environ; do mapfile -d '' -t got <$file; echo \${got[@]}; done 2>/dev/null`);
    expect(text).toStartWith(`content of the repository\n${repository}\n`);
    expect(text).not.toContain("sees");
    expect(text).not.toContain("SECRET");
  });

  test("only /tmp is writable, up to 16 MiB", async () => {
    const { text } = await run(`
      for file in /x /bin/x /dev/x "${repository}/x" "${repository}/open/x" "${repository}/file" /proc/x /proc/sys/kernel/hostname /lib/x; do
        (: >>"$file") 2>/dev/null && echo "writes $file"; done
      printf -v x %1000000s
      { for i in {1..40}; do printf %s $x"$x" >/tmp/$i || break; done; } 2>/dev/null; echo $i`);
    expect(text).not.toContain("writes");
    expect(Number(text)).toBeWithin(14, 19);
    expect(readdirSync(repository).sort()).toEqual(["file", "open"]);
  });

  test("there is no network", async () => {
    const port = listener.port;
    const { text } =
      await run(`for to in 127.0.0.1 ::1; do exec 3<>/dev/tcp/$to/${port} && echo reached; done 2>/dev/null
      for i in /dev/udp/127.0.0.1/9; do echo x >$i; done 2>/dev/null; while read -r name _; do echo "$name"; done </proc/net/dev`);
    expect(text).not.toContain("reached");
    expect(text.match(/^\w+:$/gm)).toEqual(["lo:"]);
    expect(connections).toBe(0);
  });

  test("native code from the input can do no more", async () => {
    const setsid = await findProgram("setsid");
    const [loader] = setsid?.libraries ?? [];
    const mark = createMark();
    const { end, output } = await sandbox.run({
      script: `${loader} /proc/self/fd/0 --fork $BASH -c ': ${mark}; echo away; exec >&- 2>&-; ${ENDLESS}'; read -rt 0.2 <> <(:); echo $?`,
      input: readFileSync(setsid?.file ?? ""),
      readable: [],
    });
    expect(end).toBe("exit");
    expect(new TextDecoder().decode(output)).toStartWith("away");
    expect(withMark(mark)).toEqual([]);
  });
});

// Not with unshare, where readable files cannot be executed.
test("all programs of the machine can do no more in bubblewrap", async () => {
  const sandbox = await openSandbox("bubblewrap");
  const readable = ["/usr", "/bin", "/sbin", "/lib", "/lib64"].filter((path) => existsSync(path));
  const mark = createMark();
  const script = `: ${mark}
      PATH=/usr/sbin:/usr/bin:/sbin:/bin
      setsid bash -c ': ${mark}; trap "" HUP TERM; while :; do sleep 1; done' >/dev/null 2>&1 &
      { mount -o remount,rw / || mount -o remount,rw /usr || umount /tmp || umount -l /proc || mount -t tmpfs none /dev ||
        chroot / true || mknod /tmp/d b 254 0 || chmod 777 / || touch /usr/x || nsenter -t 1 -n true || hostname x ||
        su -c true || ip link set lo up; } 2>/dev/null && echo can
      for i in 1 /proc/self; do unshare --user --map-root-user --mount mount -o remount,rw,bind / 2>/dev/null && echo remounts; done
      id -u; ls -A / /proc/1/root/ 2>/dev/null; find / -xdev -perm -4000 -user root -exec {} -c id \\; 2>/dev/null | grep uid=0`;
  const result = await sandbox.run({ script, input: Buffer.from(""), readable });
  const text = new TextDecoder().decode(result.output);
  expect(text).not.toMatch(/can|remounts|uid=0|etc|home/);
  expect(text).toMatch(/^65\d\d\d\n/);
  expect(withMark(mark)).toEqual([]);
});
