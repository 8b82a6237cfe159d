/**
 * Builds the command lines that run a bash script in each kind of sandbox. The script sees no files but bash, its libraries,
 * three devices, a /proc of its own processes, a /tmp of 16 MiB and its readable paths; no network, no other processes, no
 * privileges. All this holds for native code as well, which bash can load. Pure.
 */
import { dirname, resolve } from "node:path";
import lifeline from "./lifeline.bash" with { type: "text" };
import type { Program } from "./programs.ts";
import setUp from "./unshare.bash" with { type: "text" };

export interface SandboxedScript {
  readonly script: string;
  readonly readable: readonly string[];
  /** The user to change to, for root alone. */
  readonly user: { readonly uid: number; readonly chroot: Program } | undefined;
}

/** Limits of each process, except that `processes` counts all of the user, in its user namespace where there is one. */
export interface ProcessLimits {
  readonly cpuSeconds: number;
  readonly memoryBytes: number;
  readonly processes: number;
}

const TMP_BYTES = 16 * 1024 * 1024;
const DEVICES = ["/dev/null", "/dev/zero", "/dev/urandom"];
const LINKS = { fd: "fd", stdin: "fd/0", stdout: "fd/1", stderr: "fd/2" };

/**
 * Puts limits before the script that it cannot raise, and makes it the kernel's first choice when memory runs out. They go on
 * the script's first line, so that its lines keep their numbers.
 */
export function limitScript(script: string, { cpuSeconds, memoryBytes, processes }: ProcessLimits): string {
  const sizes = `ulimit -v ${Math.floor(memoryBytes / 1024)};ulimit -f ${TMP_BYTES / 1024};ulimit -c 0`;
  const counts = `ulimit -n 64;ulimit -t ${cpuSeconds};ulimit -u ${processes}`;
  const rank = "echo 1000 >/proc/self/oom_score_adj";
  // bash complains about a limit that is lower already, which is fine.
  return `umask 022;{ ${sizes};${counts};${rank};} 2>/dev/null;${script}`;
}

function runBash(bash: Program, script: string): readonly string[] {
  return [bash.path, "--noprofile", "--norc", "-c", script];
}

function changeUser({ uid, chroot }: NonNullable<SandboxedScript["user"]>): readonly string[] {
  return [chroot.path, `--userspec=${uid}:${uid}`, `--groups=${uid}`, "/"];
}

/** Returns each path once, folders before their contents. */
function inOrder(paths: readonly string[]): readonly string[] {
  return [...new Set(paths.map((path) => resolve(path)))].sort((a, b) => a.length - b.length);
}

function parentsOf(path: string): readonly string[] {
  const parent = dirname(path);
  return parent === "/" ? [] : [...parentsOf(parent), parent];
}

/**
 * Root uses no user namespace but changes to another user, since root's processes have no limit on their number. Process 1 is
 * the script's bash, so that everything ends with it; with another user it is a bash of root, since only that gets the signal
 * when bubblewrap ends.
 */
export function bubblewrapCommand(
  bwrap: Program,
  bash: Program,
  { script, readable, user }: SandboxedScript,
): readonly string[] {
  const programs = user ? [bash, user.chroot] : [bash];
  const needed = inOrder(programs.flatMap(({ path, libraries }) => [path, ...libraries]));
  const wanted = inOrder(readable);
  const privileges = user
    ? ["CAP_SETUID", "CAP_SETGID", "CAP_SYS_CHROOT"].flatMap((name) => ["--cap-add", name])
    : ["--unshare-user", "--uid", "65534", "--gid", "65534"];
  const first = 'exec 3>&2 2>/dev/null;"$0" "$@" 2>&3 3>&-;exit $?';
  return [
    ...[bwrap.path, "--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try"],
    ...["--die-with-parent", "--as-pid-1", "--cap-drop", "ALL", ...privileges],
    ...["--perms", "1777", "--size", `${TMP_BYTES}`, "--tmpfs", "/tmp", "--proc", "/proc"],
    // bubblewrap would create them itself, but some versions make them accessible to their owner alone.
    ...inOrder([...needed, ...DEVICES, ...wanted].flatMap(parentsOf)).flatMap((path) => [
      "--perms",
      "0755",
      "--dir",
      path,
    ]),
    ...DEVICES.flatMap((path) => ["--dev-bind", path, path]),
    ...Object.entries(LINKS).flatMap(([name, to]) => ["--symlink", `/proc/self/${to}`, `/dev/${name}`]),
    ...needed.flatMap((path) => ["--ro-bind", path, path]),
    ...wanted.flatMap((path) => ["--ro-bind-try", path, path]),
    ...["--remount-ro", "/", "--chdir", "/", "--"],
    ...(user ? [...runBash(bash, first), ...changeUser(user)] : []),
    ...runBash(bash, script),
  ];
}

/** Ends the command when the other end of descriptor 3, a socket or pipe, is closed. */
function withLifeline(bash: Program, command: readonly string[]): readonly string[] {
  return [...runBash(bash, lifeline), bash.path, ...command];
}

export interface UnsharePrograms {
  readonly unshare: Program;
  readonly umount: Program;
}

/** Sets up the same as bubblewrap by unshare.bash. Needs a lifeline, since unshare outlives the process that started it. */
export function unshareCommand(
  { unshare, umount }: UnsharePrograms,
  bash: Program,
  { script, readable, user }: SandboxedScript,
): readonly string[] {
  const last = user?.chroot ?? unshare;
  const folders = new Set(umount.libraries.map((path) => `/tmp${dirname(path)}`));
  const needed = inOrder([bash.path, ...bash.libraries, ...last.libraries]);
  return withLifeline(bash, [
    ...[unshare.path, "--ipc", "--pid", "--net", "--uts", "--mount", "--fork", "--kill-child"],
    ...(user ? [] : ["--user", "--map-root-user"]),
    ...[...runBash(bash, setUp), bash.path, user ? `${user.uid}` : "", script, bash.path],
    ...[umount.file, last.file, [...folders].join(":")],
    ...[`${needed.length}`, ...needed, ...inOrder(readable)],
  ]);
}

/** Runs bash with limits alone, and for root as another user. Needs a lifeline. */
export function plainCommand(bash: Program, { script, user }: SandboxedScript): readonly string[] {
  return withLifeline(bash, [...(user ? changeUser(user) : []), ...runBash(bash, script)]);
}
