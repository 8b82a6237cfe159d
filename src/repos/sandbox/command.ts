/**
 * What to run to have bash run a script shut in, for each way of doing it: pure, text in and arguments out. The script
 * finds no file but bash, its libraries, three devices, a /proc of its own processes, a /tmp of 16 MiB and what it may
 * read; no network, no other process, no privilege. All that holds for native code as well, which bash can load.
 */
import { dirname, resolve } from "node:path";
import lifeline from "./lifeline.bash" with { type: "text" };
import type { Program } from "./programs.ts";
import setUp from "./unshare.bash" with { type: "text" };

export interface Run {
  readonly script: string;
  readonly readable: readonly string[];
  /** The user to become, which root does; others stay who they are. */
  readonly user: { readonly uid: number; readonly chroot: Program } | undefined;
}

/** For each process, but for `processes`: these are all that the user has, in that user namespace where there is one. */
export interface Limits {
  readonly cpuSeconds: number;
  readonly memoryBytes: number;
  readonly processes: number;
}

const TMP_BYTES = 16 * 1024 * 1024;
const DEVICES = ["/dev/null", "/dev/zero", "/dev/urandom"];
const LINKS = { fd: "fd", stdin: "fd/0", stdout: "fd/1", stderr: "fd/2" };

/**
 * The script behind limits that it cannot raise again, and the first to go when the machine is short of memory; all on its
 * first line, so that its lines keep their numbers.
 */
export function limitScript(script: string, { cpuSeconds, memoryBytes, processes }: Limits): string {
  const sizes = `ulimit -v ${Math.floor(memoryBytes / 1024)};ulimit -f ${TMP_BYTES / 1024};ulimit -c 0`;
  const counts = `ulimit -n 64;ulimit -t ${cpuSeconds};ulimit -u ${processes}`;
  const rank = "echo 1000 >/proc/self/oom_score_adj";
  // A limit that is lower already is well, though bash complains.
  return `umask 022;{ ${sizes};${counts};${rank};} 2>/dev/null;${script}`;
}

function runBash(bash: Program, script: string): readonly string[] {
  return [bash.path, "--noprofile", "--norc", "-c", script];
}

function become({ uid, chroot }: NonNullable<Run["user"]>): readonly string[] {
  return [chroot.path, `--userspec=${uid}:${uid}`, `--groups=${uid}`, "/"];
}

/** Each once, folders before what lies in them. */
function inOrder(paths: readonly string[]): readonly string[] {
  return [...new Set(paths.map((path) => resolve(path)))].sort((a, b) => a.length - b.length);
}

function parentsOf(path: string): readonly string[] {
  const parent = dirname(path);
  return parent === "/" ? [] : [...parentsOf(parent), parent];
}

/**
 * Root makes no user namespace but becomes another user, since no limit on processes binds root's. Process 1 is the
 * script's own bash, so that all ends with it; where the user changes it is a bash that stays with root, as only that
 * is told when bubblewrap ends.
 */
export function bubblewrapCommand(bwrap: Program, bash: Program, { script, readable, user }: Run): readonly string[] {
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
    // bubblewrap would make them itself, but some versions for their owner alone.
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
    ...(user ? [...runBash(bash, first), ...become(user)] : []),
    ...runBash(bash, script),
  ];
}

/** Ends when descriptor 3, a socket or pipe, is closed at its other end. */
function withLifeline(bash: Program, command: readonly string[]): readonly string[] {
  return [...runBash(bash, lifeline), bash.path, ...command];
}

export interface UnshareTools {
  readonly unshare: Program;
  readonly umount: Program;
}

/** As with bubblewrap, by sandbox-unshare.bash. It needs a lifeline, as unshare does not end with who started it. */
export function unshareCommand(
  { unshare, umount }: UnshareTools,
  bash: Program,
  { script, readable, user }: Run,
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

/** Shut in by nothing but limits (and, where root starts it, by being another user). It needs a lifeline. */
export function plainCommand(bash: Program, { script, user }: Run): readonly string[] {
  return withLifeline(bash, [...(user ? become(user) : []), ...runBash(bash, script)]);
}
