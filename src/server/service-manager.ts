/**
 * Tells systemd how the server is (sd_notify(3)): that it listens, reloads, stops, and that its event loop runs (WatchdogSec=), so
 * that one that hangs is restarted. The platform has no datagram sockets in the file system, so the C library sends the messages.
 */
import { dlopen, FFIType, ptr } from "bun:ffi";
import type { Environment } from "../config/environment.ts";
import type { Logger } from "../lib/log.ts";

export interface ServiceManager {
  /** The server answers requests. @param status a line for `systemctl status` */
  ready(status: string): void;
  reloading(): void;
  stopping(): void;
}

/** Messages within the time that systemd waits for one. */
const MESSAGES = 4;

/** Constants of Linux, the same for x86-64 and arm64. */
const [AF_UNIX, SOCK_DGRAM, SOCK_CLOEXEC, MSG_NOSIGNAL] = [1, 2, 0o2000000, 0x4000];
/** sockaddr_un without its family (unix(7)). */
const PATH_ROOM = 108;

/** Returns the sockaddr_un of the path; one that begins with @ is of the abstract namespace. */
function socketAddress(path: string): Uint8Array {
  const bytes = Buffer.from(path.startsWith("@") ? `\0${path.slice(1)}` : path);
  if (bytes.length >= PATH_ROOM) throw new Error("NOTIFY_SOCKET is too long");
  const address = new Uint8Array(2 + bytes.length);
  new Uint16Array(address.buffer, 0, 1)[0] = AF_UNIX;
  address.set(bytes, 2);
  return address;
}

/** Returns what sends a message to the socket at the path. @throws {Error} if it cannot be sent */
function createSender(path: string): (message: string) => void {
  const { i32, ptr: pointer, u32, u64, i64 } = FFIType;
  // musl answers to this name, too.
  const { socket, sendto } = dlopen("libc.so.6", {
    socket: { args: [i32, i32, i32], returns: i32 },
    sendto: { args: [i32, pointer, u64, i32, pointer, u32], returns: i64 },
  }).symbols;
  const address = socketAddress(path);
  const descriptor = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) throw new Error("no socket can be made");
  return (message) => {
    const bytes = Buffer.from(message);
    const sent = sendto(descriptor, ptr(bytes), bytes.length, MSG_NOSIGNAL, ptr(address), address.length);
    if (Number(sent) !== bytes.length) throw new Error(`${path} takes no message`);
  };
}

/** Talks to the service manager that started this process; to nobody where none did. Watchdog messages stop with the process. */
export function connectServiceManager(env: Environment, log: Logger): ServiceManager {
  const path = env["NOTIFY_SOCKET"] ?? "";
  let send: ((message: string) => void) | undefined;

  function tell(message: string): void {
    if (path === "") return;
    try {
      send ??= createSender(path);
      send(message);
    } catch (error) {
      log.error("Cannot tell systemd {message}: {error}. It may take the server for dead.", { message, error });
    }
  }

  const waitMs = Number(env["WATCHDOG_USEC"] ?? "0") / 1000;
  if (waitMs > 0 && path !== "") {
    tell("WATCHDOG=1");
    setInterval(() => tell("WATCHDOG=1"), waitMs / MESSAGES).unref();
  }
  return {
    ready: (status) => tell(`READY=1\nSTATUS=${status}`),
    reloading: () => tell("RELOADING=1\nSTATUS=Reloading the configuration"),
    stopping: () => tell("STOPPING=1\nSTATUS=Waiting for transfers to end"),
  };
}
