/**
 * Chooses a sandbox that works on this machine. Proves it by a script that checks for what ebuilds need, and for what they
 * must not see.
 */
import { reasonOf } from "../../lib/error-reason.ts";
import { bubblewrapCommand, plainCommand, type SandboxedScript, unshareCommand } from "./command.ts";
import { createSandbox, SANDBOX_LIMITS, type SandboxBackend } from "./create.ts";
import probe from "./probe.bash" with { type: "text" };
import { findProgram, type Program } from "./programs.ts";
import type { RunLimits } from "./run.ts";
import type { Sandbox, SandboxKind } from "./sandbox.ts";

export interface TriedSandbox {
  readonly kind: SandboxKind;
  /** A sentence without a full stop, with a remedy where one is known. */
  readonly problem: string;
}

export interface ChosenSandbox {
  /** Undefined where no sandbox works that is allowed. */
  readonly sandbox: Sandbox | undefined;
  /** Sandboxes that do not work, in the order tried. */
  readonly tried: readonly TriedSandbox[];
}

export interface SandboxOptions {
  readonly isRoot?: boolean;
  readonly limits?: Partial<RunLimits>;
  /** Where to find programs, as in PATH. */
  readonly folders?: string;
}

const PACKAGES = {
  bash: "app-shells/bash",
  bwrap: "sys-apps/bubblewrap",
  chroot: "sys-apps/coreutils",
  nice: "sys-apps/coreutils",
  umount: "sys-apps/util-linux",
  unshare: "sys-apps/util-linux",
} as const;

type Find = (name: keyof typeof PACKAGES) => Promise<Program>;

function createFind(folders: string | undefined): Find {
  return async (name) => {
    const program = await findProgram(name, folders);
    if (!program) throw new Error(`${name} is not installed (Gentoo: emerge ${PACKAGES[name]})`);
    return program;
  };
}

async function findCommand(kind: SandboxKind, find: Find): Promise<(run: SandboxedScript) => readonly string[]> {
  const bash = await find("bash");
  if (kind === "bubblewrap") {
    const bwrap = await find("bwrap");
    return (run) => bubblewrapCommand(bwrap, bash, run);
  }
  if (kind === "unshare") {
    const programs = { unshare: await find("unshare"), umount: await find("umount") };
    return (run) => unshareCommand(programs, bash, run);
  }
  return (run) => plainCommand(bash, run);
}

async function findBackend(kind: SandboxKind, isRoot: boolean, find: Find): Promise<SandboxBackend> {
  const command = await findCommand(kind, find);
  const nice = await find("nice");
  const chroot = isRoot ? await find("chroot") : undefined;
  // At low priority, so that the server keeps answering.
  return { kind, chroot, command: (run) => [nice.path, "-n", "10", ...command(run)] };
}

/** @throws {Error} with the reason why the sandbox does not work */
async function prove(sandbox: Sandbox, advice: string): Promise<void> {
  let wasReached = false;
  const socket = {
    open: () => {
      wasReached = true;
    },
    data: () => undefined,
  };
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket });
  try {
    const file = "/etc/passwd";
    const input = Buffer.from([sandbox.kind, file, `${listener.port}`].map((field) => `${field}\0`).join(""));
    const { end, exit, output, errors } = await sandbox.run({ script: probe, input, readable: [file] });
    const finding = new TextDecoder().decode(output);
    if (finding === "works" && errors === "" && (!wasReached || sandbox.kind === "none")) return;
    const problem = finding === "works" ? "" : finding;
    const why = [problem, errors.trim().split("\n", 1)[0]].filter(Boolean).join(": ");
    throw new Error(`${sandbox.kind} does not work here (${why || `${end} ${exit}`})${advice}`);
  } finally {
    listener.stop(true);
  }
}

/** @throws {Error} with the reason why the sandbox does not work here */
export async function openSandbox(
  kind: SandboxKind,
  { isRoot = process.getuid?.() === 0, limits, folders }: SandboxOptions = {},
): Promise<Sandbox> {
  const sandbox = createSandbox(await findBackend(kind, isRoot, createFind(folders)), { ...SANDBOX_LIMITS, ...limits });
  const advice = isRoot
    ? ": a container needs the right to mount"
    : ": user namespaces must be enabled (CONFIG_USER_NS, sysctl user.max_user_namespaces; container engines forbid them)";
  await prove(sandbox, kind === "none" ? "" : advice);
  return sandbox;
}

export async function chooseSandbox({
  wanted,
  ...options
}: SandboxOptions & { readonly wanted: "best" | "none" }): Promise<ChosenSandbox> {
  const tried: TriedSandbox[] = [];
  for (const kind of wanted === "none" ? (["none"] as const) : (["bubblewrap", "unshare"] as const)) {
    try {
      return { sandbox: await openSandbox(kind, options), tried };
    } catch (error) {
      tried.push({ kind, problem: reasonOf(error) });
    }
  }
  return { sandbox: undefined, tried };
}
