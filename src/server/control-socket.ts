/**
 * Listens on the store's Unix socket, `LOCATION/portcache.sock`: commands reach the running server through it, with the same
 * requests as over TCP. The mode of the socket says who may; its requests may change things.
 */
import { rmSync } from "node:fs";
import { MAX_REQUEST_BYTES } from "../http/api/upload.ts";
import { reasonOf } from "../lib/error-reason.ts";
import type { Logger } from "../lib/log.ts";

export interface ControlSocket {
  /** Refuses new requests; resolves when those under way have been answered or, if `now`, cut off. */
  stop(now: boolean): Promise<void>;
}

/** Leaves owner and group, to whom the store's files belong. */
const SOCKET_UMASK = 0o117;

export function socketPath(location: string): string {
  return `${location}/portcache.sock`;
}

/**
 * Call with the store's lock held: an existing socket was then left by a killed server. Logs if no socket can be made, as on a
 * file system without sockets; commands then cannot reach the server.
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
      maxRequestBodySize: MAX_REQUEST_BYTES,
      fetch(request, own) {
        // A command may wait long for its report.
        own.timeout(request, 0);
        return answer(request);
      },
    });
    return { stop: (now) => server.stop(now) };
  } catch (error) {
    const reason = reasonOf(error);
    log.warn(
      "Cannot listen on {path}: {reason}. Commands cannot reach this server until that is solved and it is restarted.",
      {
        path,
        reason,
      },
    );
    return { stop: async () => undefined };
  } finally {
    process.umask(umask);
  }
}
