/**
 * Creates the user and the group of the service with the system's own tools, which know its ranges, locks and shadow files.
 */
import type { Disk } from "./disk.ts";
import { USER } from "./files.ts";

export interface Account {
  readonly kind: "user" | "group";
  readonly command: readonly string[];
}

/** Lists the accounts that are missing, the group first. @param root empty for this machine */
export function missingAccounts(disk: Disk, root: string): readonly Account[] {
  const prefix = root === "" ? [] : ["--prefix", root];
  const group = ["groupadd", ...prefix, "--system", USER];
  const user = [
    ...["useradd", ...prefix, "--system", "--gid", USER, "--home-dir", "/dev/null", "--no-create-home"],
    ...["--shell", "/sbin/nologin", "--comment", "distfiles cache", USER],
  ];
  return [
    ...(disk.idOf("group", USER) === undefined ? [{ kind: "group", command: group } as const] : []),
    ...(disk.idOf("passwd", USER) === undefined ? [{ kind: "user", command: user } as const] : []),
  ];
}

/** @throws {Error} with the message of the tool */
export function createAccount({ kind, command }: Account, disk: Disk, root: string): void {
  // The tools do not create the lists of accounts, which an empty root does not have.
  if (root !== "") for (const list of ["/etc/passwd", "/etc/group"]) if (!disk.exists(list)) disk.putText(list, "");
  const [tool = "", ...args] = command;
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
