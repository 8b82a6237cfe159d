/**
 * Names the process that listens on a TCP port, by what Linux shows of sockets and processes in /proc (proc_net(5), proc_pid_fd(5)).
 * Reads a few files for each process, so it is for the moment in which a port cannot be had.
 */
import { readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { shown } from "../lib/text.ts";

/** The state of a listening socket in /proc/net/tcp. */
const LISTENING = "0A";
/** /proc/net/tcp: local address and port in hexadecimal, state, user, inode. */
const COLUMNS = { local: 1, state: 3, user: 7, inode: 9 } as const;

interface ListeningSocket {
  readonly inode: string;
  readonly user: string;
}

function readLines(path: string): readonly string[] {
  try {
    return readFileSync(path, "utf8").split("\n").slice(1);
  } catch {
    // A kernel without IPv6, or a /proc that is not mounted.
    return [];
  }
}

function listeningOn(port: number): readonly ListeningSocket[] {
  const hex = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  return ["/proc/net/tcp", "/proc/net/tcp6"].flatMap(readLines).flatMap((line) => {
    const columns = line.trim().split(/\s+/);
    const [local = "", state, user = "", inode = ""] = Object.values(COLUMNS).map((column) => columns[column]);
    return state === LISTENING && local.endsWith(hex) ? [{ inode, user }] : [];
  });
}

/** Returns the numbers of processes that have one of these sockets open, of those that this user may look at. */
function processesWith(inodes: ReadonlySet<string>): readonly number[] {
  const holds = (pid: string) => {
    try {
      return readdirSync(`/proc/${pid}/fd`).some((fd) => {
        try {
          return inodes.has(/^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1] ?? "");
        } catch {
          // It was closed meanwhile.
          return false;
        }
      });
    } catch {
      // Another user's, or it has ended.
      return false;
    }
  };
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && holds(name))
    .map(Number);
}

function userName(id: string): string {
  const line = readFileSync("/etc/passwd", "utf8")
    .split("\n")
    .find((one) => one.split(":")[2] === id);
  return line?.split(":")[0] ?? id;
}

function nameOf(pid: number): string {
  return readFileSync(`/proc/${pid}/comm`, "utf8").trim();
}

/**
 * Returns who listens on the port, as the end of "in use by ...": "nginx (process 812)", else "a process of the user www-data";
 * undefined where that cannot be found out.
 */
export function portHolder(port: number): string | undefined {
  try {
    const sockets = listeningOn(port);
    const [first] = sockets;
    if (!first) return undefined;
    // A server and the children that inherited its socket: the server has the lowest number, as a rule.
    const [pid] = processesWith(new Set(sockets.map(({ inode }) => inode))).toSorted((a, b) => a - b);
    if (pid === undefined) return `a process of the user ${shown(userName(first.user))}`;
    const user = statSync(`/proc/${pid}`).uid;
    const whose = user === process.getuid?.() ? "" : ` of the user ${shown(userName(String(user)))}`;
    return `${shown(nameOf(pid))} (process ${pid}${whose})`;
  } catch {
    // It may have ended just now.
    return undefined;
  }
}
