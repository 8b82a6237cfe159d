import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createTempFolder } from "../../testing/temp.ts";
import { openSandbox } from "./choose.ts";
import { runSandboxed } from "./run.ts";
import type { Sandbox } from "./sandbox.ts";

const KINDS = ["bubblewrap", "unshare", "none"] as const;
const isRoot = process.getuid?.() === 0;
const folder = createTempFolder();
afterAll(() => folder.remove());

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    return "";
  }
}

function processesWith(mark: string): number {
  return readdirSync("/proc").filter((name) => /^\d+$/.test(name) && commandLine(name).includes(mark)).length;
}

/** Returns whether the condition was true in time. */
async function becomesTrue(condition: () => boolean, withinMs: number): Promise<boolean> {
  for (const deadline = performance.now() + withinMs; performance.now() < deadline; await Bun.sleep(5)) {
    if (condition()) return true;
  }
  return false;
}

describe.each(KINDS)("%s", (kind) => {
  let sandbox: Sandbox;
  beforeAll(async () => {
    sandbox = await openSandbox(kind);
  });
  afterAll(() => sandbox.stop());
  async function run(script: string, { input = "", readable = [] as string[] } = {}) {
    const { output, ...rest } = await sandbox.run({ script, input: Buffer.from(input), readable });
    return { ...rest, text: new TextDecoder().decode(output) };
  }

  test("the script gets its input, and the result has its output, errors and exit status", async () => {
    const copy = `mapfile -d '' -t got; printf '%s\\0' "\${got[@]}"; printf 'not \\xc3\\xa9 well' >&2; exit 7`;
    expect(await run(copy, { input: "a\0b \n\0" })).toEqual({
      ...{ end: "exit", exit: 7, text: "a\0b \n\0", errors: "not é well" },
    });
    expect(await run("(kill -SEGV $BASHPID); exit $?")).toMatchObject({ end: "exit", exit: 139 });
    // Line numbers are those of the script.
    expect((await run(":\nnosuch")).errors).toContain("line 2: nosuch: command not found");
  });

  // Without a sandbox, root's bash runs as another user, who cannot access root's folders.
  const named = isRoot && kind === "none" ? () => undefined : test;
  named("readable files have their own paths, whatever their names", async () => {
    const names = [
      "plain",
      "with blanks ",
      'it\'s "quoted"',
      "two\nlines",
      "-dash",
      "tab\there",
      "back\\slash\\040",
      "#,=:é",
    ];
    mkdirSync(folder.file(kind));
    const readable = names.map((name) => folder.file(`${kind}/${name}`));
    for (const path of readable) {
      mkdirSync(path);
      writeFileSync(`${path}/file`, path, { mode: 0o644 });
    }
    const single = folder.file(`${kind}/a single file`);
    writeFileSync(single, single, { mode: 0o644 });
    const inner = `${readable[0]}/inner`;
    mkdirSync(inner);
    const missing = folder.file("missing");
    const script = `mapfile -d '' -t paths; for path in "\${paths[@]}"; do [[ $(<"$path") == "\${path%/file}" ]] || echo "not $path"; done
      [[ ! -e "${missing}" ]] && echo over`;
    const result = await run(script, {
      input: [...readable.map((path) => `${path}/file`), single, ""].join("\0"),
      readable: [inner, missing, ...readable, `${readable[1]}/`, single],
    });
    expect(result).toMatchObject({ end: "exit", exit: 0, text: "over\n", errors: "" });
  });

  test("three scripts run at once, the others after them", async () => {
    const script = "begun=$EPOCHREALTIME; read -rt 0.5 <> <(:); echo $begun $EPOCHREALTIME";
    const runs = await Promise.all(Array.from({ length: 5 }, () => run(script)));
    const times = runs.map(({ text }) => text.split(" ").map(Number) as [number, number]);
    const atOnce = times.map(([at]) => times.filter(([begun, over]) => begun <= at && at < over).length);
    expect(Math.max(...atOnce)).toBe(3);
  });

  test("runs leave no descriptors open", async () => {
    await run(":");
    const before = readdirSync("/proc/self/fd").length;
    for (let i = 0; i < 10; i++) await run(":", { input: "x".repeat(i * 1000) });
    // Streams are closed when they are collected.
    Bun.gc(true);
    expect(readdirSync("/proc/self/fd").length).toBeLessThan(before + 4);
  });

  test("no process is left when the server is killed", async () => {
    const mark = `mark-${crypto.randomUUID()}`;
    const script = `: ${mark}\n(while :; do :; done) & while :; do :; done`;
    const code = `import { openSandbox } from ${JSON.stringify(join(import.meta.dir, "choose.ts"))};
      const sandbox = await openSandbox(${JSON.stringify(kind)});
      const job = { script: ${JSON.stringify(script)}, input: new Uint8Array(), readable: [] };
      await Promise.all([sandbox.run(job), sandbox.run(job)]);`;
    const server = Bun.spawn([process.execPath, "-e", code], { stdin: "ignore", stdout: "inherit", stderr: "inherit" });
    // At least Bun, both scripts and their loops in the background.
    expect(await becomesTrue(() => processesWith(mark) >= 5, 5000)).toBe(true);
    await Bun.sleep(100);
    server.kill("SIGKILL");
    await server.exited;
    expect(await becomesTrue(() => processesWith(mark) === 0, 1000)).toBe(true);
  });
});

// In its own mount namespace, where an ordinary user is root.
test.each(["bubblewrap", "unshare"])("mounts within readable folders are read-only as well: %s", async (kind) => {
  const mounted = folder.file(`mounted ${kind}`);
  mkdirSync(`${mounted}/in it`, { recursive: true });
  const script = `: >"${mounted}/x"; : >"${mounted}/in it/x"; echo "${mounted}/in it"/*`;
  const code = `import { openSandbox } from ${JSON.stringify(join(import.meta.dir, "choose.ts"))};
    const sandbox = await openSandbox(${JSON.stringify(kind)}, { isRoot: false });
    const job = { script: ${JSON.stringify(script)}, input: new Uint8Array(), readable: [${JSON.stringify(mounted)}] };
    const { output, errors } = await sandbox.run(job);
    console.log(new TextDecoder().decode(output) + errors);`;
  const prepare = 'mount -t tmpfs -o mode=777,noexec none "$0/in it" && : >"$0/in it/file" && exec "$@"';
  const child = Bun.spawn(
    ["unshare", "--user", "--map-root-user", "--mount", "bash", "-c", prepare, mounted, process.execPath, "-e", code],
    { stdin: "ignore", stderr: "inherit" },
  );
  const output = await child.stdout.text();
  expect(output).toStartWith(`${mounted}/in it/file\n`);
  expect(output.match(/Read-only file system/g)?.length).toBe(2);
});

test("a missing command is an error", async () => {
  const limits = { timeMs: 1000, memoryBytes: 1e9, outputBytes: 1000 };
  const options = { kind: "none", input: new Uint8Array(), limits, signal: new AbortController().signal } as const;
  const failure = await runSandboxed({ ...options, argv: ["/nonexistent/bash"] }).catch(
    (error: Error) => error.message,
  );
  expect(failure).toStartWith("Cannot run /nonexistent/bash: ");
});
