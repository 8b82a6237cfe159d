/**
 * Creates the user and the group of the service with the system's own tools, which know its ranges, locks and shadow files: those of
 * shadow (Gentoo, Debian), or those of BusyBox (Alpine).
 */
import type { Disk } from "./disk.ts";
import { USER } from "./files.ts";

export interface Account {
  readonly kind: "user" | "group";
  readonly command: readonly string[];
}

const COMMENT = "distfiles cache";
const SHELL = "/sbin/nologin";

/**
 * Lists the accounts that are missing, the group first.
 *
 * @param root empty for this machine
 * @param hasTool whether a command is installed here
 */
export function missingAccounts(
  disk: Disk,
  root: string,
  hasTool: (name: string) => boolean = (name) => Bun.which(name) !== null,
): readonly Account[] {
  const { group, user } = hasTool("useradd") || !hasTool("adduser") ? shadowCommands(root) : busyboxCommands(root);
  return [
    ...(disk.idOf("group", USER) === undefined ? [{ kind: "group", command: group } as const] : []),
    ...(disk.idOf("passwd", USER) === undefined ? [{ kind: "user", command: user } as const] : []),
  ];
}

interface Commands {
  readonly group: readonly string[];
  readonly user: readonly string[];
}

function shadowCommands(root: string): Commands {
  const prefix = root === "" ? [] : ["--prefix", root];
  return {
    group: ["groupadd", ...prefix, "--system", USER],
    user: [
      ...["useradd", ...prefix, "--system", "--gid", USER, "--home-dir", "/dev/null", "--no-create-home"],
      ...["--shell", SHELL, "--comment", COMMENT, USER],
    ],
  };
}

/** BusyBox's tools work on no other root, so they run inside it. */
function busyboxCommands(root: string): Commands {
  const inside = root === "" ? [] : ["chroot", root];
  return {
    group: [...inside, "addgroup", "-S", USER],
    user: [
      ...[...inside, "adduser", "-S", "-D", "-H", "-h", "/dev/null", "-s", SHELL, "-G", USER, "-g", COMMENT, USER],
    ],
  };
}

/** @throws {Error} with the message of the tool */
export function createAccount({ kind, command }: Account, disk: Disk, root: string): void {
  // The tools do not create the lists of accounts, which an empty root does not have.
  if (root !== "") for (const list of ["/etc/passwd", "/etc/group"]) if (!disk.exists(list)) disk.putText(list, "");
  const [tool = "", ...args] = command;
  if (Bun.which(tool) === null) throw new Error(`Cannot create the ${kind} ${USER}: ${tool} is not installed`);
  const { stderr, exitCode } = Bun.spawnSync([tool, ...args], { stdin: "ignore", stdout: "ignore", stderr: "pipe" });
  if (exitCode !== 0) {
    throw new Error(
      `Cannot create the ${kind} ${USER}: ${
        stderr
          .toString()
          .trim()
          .split(/\.?(?:\n|$)/, 1)[0] || `${tool} exited with ${exitCode}`
      }`,
    );
  }
}
