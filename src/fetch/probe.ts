/**
 * Whether something accepts TCP connections where a URL points: nothing is sent.
 */
import { connect } from "node:net";

/** False when nothing has answered within `timeoutMs`; a refusal counts as an answer, fetch() reports it itself. */
export function canConnect(url: string, timeoutMs: number): Promise<boolean> {
  const { hostname, port, protocol } = new URL(url);
  return new Promise((resolve) => {
    const socket = connect({
      host: hostname.replace(/^\[(.*)\]$/, "$1"),
      port: port === "" ? (protocol === "https:" ? 443 : 80) : Number(port),
    });
    const settle = (up: boolean) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(up);
    };
    const timer = setTimeout(settle, timeoutMs, false);
    socket.once("connect", () => settle(true));
    socket.once("error", () => settle(true));
  });
}
