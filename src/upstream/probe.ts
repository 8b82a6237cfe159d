/**
 * Whether something accepts TCP connections where a URL points: nothing is sent.
 */
import { connect } from "node:net";

/** "silent" where nothing has answered in time. */
export type Connection = "connected" | "refused" | "silent";

export function tryConnect(url: string, timeoutMs: number): Promise<Connection> {
  const { hostname, port, protocol } = new URL(url);
  return new Promise((resolve) => {
    const socket = connect({
      host: hostname.replace(/^\[(.*)\]$/, "$1"),
      port: port === "" ? (protocol === "https:" ? 443 : 80) : Number(port),
    });
    const settle = (connection: Connection) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(connection);
    };
    const timer = setTimeout(settle, timeoutMs, "silent");
    socket.once("connect", () => settle("connected"));
    socket.once("error", () => settle("refused"));
  });
}
