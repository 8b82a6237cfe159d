/**
 * Sends requests over sockets of their own: the platform's fetch() makes no more than 256 at once.
 */
import { connect } from "node:net";

export interface SocketClient {
  /** Resolves with the head of the response; empty if the connection ended before it. */
  readonly head: Promise<string>;
  /** Resolves with the status; 0 if the connection ended before it. */
  readonly status: Promise<number>;
  /** Ends the connection. */
  leave(): void;
}

/** @param from the client's address: all of 127.0.0.0/8 are this machine's */
export function openClient(origin: string, path: string, method = "GET", from = "127.0.0.1"): SocketClient {
  const { hostname, port } = new URL(origin);
  const { promise: head, resolve } = Promise.withResolvers<string>();
  let received = "";
  const socket = connect({ port: Number(port), host: hostname, localAddress: from }, () => {
    socket.write(`${method} ${path} HTTP/1.1\r\nhost: ${hostname}\r\n\r\n`);
  });
  socket.on("data", (bytes) => {
    received += bytes.toString("latin1");
    const end = received.indexOf("\r\n\r\n");
    if (end < 0) return;
    resolve(received.slice(0, end));
    socket.pause();
  });
  socket.on("error", () => resolve(""));
  socket.on("close", () => resolve(""));
  return {
    head,
    status: head.then((text) => Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1] ?? 0)),
    leave: () => socket.destroy(),
  };
}
