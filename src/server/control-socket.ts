/**
 * The socket of the store, `LOCATION/portcache.sock`: through it commands reach the server that holds the store, with the
 * same requests as over TCP. Its mode says who may, so that whoever comes by it may change things.
 */
import { rmSync } from "node:fs";
import type { Logger } from "../lib/log.ts";

export interface ControlSocket {
  /** Takes no more requests; resolves when those under way have been answered, or, `now`, broken off. */
  stop(now: boolean): Promise<void>;
}

/** Owner and group, as the store's files are theirs. */
const SOCKET_UMASK = 0o117;

export function socketPath(location: string): string {
  return `${location}/portcache.sock`;
}

/**
 * Only for who holds the store's lock: a socket that is there was left by one who ended without a word.
 * Where none can be made (a file system without sockets), that is logged, and commands can't reach the server.
 */
export function openControlSocket(
  location: string,
  answer: (request: Request) => Response | Promise<Response>,
  log: Logger,
): ControlSocket {
  const path = socketPath(location);
  const umask = process.umask(SOCKET_UMASK);
  try {
    rmSync(path, { force: true });
    const server = Bun.serve({
      unix: path,
      fetch(request, own) {
        // A command may wait long for its report.
        own.timeout(request, 0);
        return answer(request);
      },
    });
    return { stop: (now) => server.stop(now) };
  } catch (error) {
    log.warn("Cannot listen on {path}, so commands can't reach this server: {error}", { path, error });
    return { stop: async () => undefined };
  } finally {
    process.umask(umask);
  }
}
