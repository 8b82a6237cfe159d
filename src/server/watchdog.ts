/**
 * Tells systemd that the event loop runs (sd_notify(3), WatchdogSec=): a server that hangs says nothing, and is restarted. The
 * platform has no datagram sockets in the file system, so systemd-notify(1) sends the messages.
 */
import type { Environment } from "../config/environment.ts";
import type { Logger } from "../lib/log.ts";

/** Messages within the time that systemd waits for one. */
const MESSAGES = 4;

/** Starts to send messages if systemd waits for them; they stop with the process. */
export function startWatchdog(env: Environment, log: Logger): void {
  const waitMs = Number(env["WATCHDOG_USEC"] ?? "0") / 1000;
  if (!(waitMs > 0) || env["NOTIFY_SOCKET"] === undefined) return;
  const send = () => {
    try {
      Bun.spawn(["systemd-notify", "WATCHDOG=1"], { stdin: "ignore", stdout: "ignore", stderr: "ignore" }).unref();
    } catch (error) {
      log.error("Cannot tell systemd that the server runs, and it will restart the server: {error}", { error });
    }
  };
  send();
  setInterval(send, waitMs / MESSAGES).unref();
}
