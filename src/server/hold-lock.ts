/**
 * Holds the store's lock while a server runs. The kernel locks a file, not its name: if somebody removes `portcache.lock`, the
 * next process locks a new one. So a running server checks that the file is still its own, and a starting one that nobody
 * answers at the store's socket.
 */
import { connect } from "node:net";
import type { Logger } from "../lib/log.ts";
import { lockStore, type StoreLock, StoreLockedError } from "../store/lock.ts";
import { socketPath } from "./control-socket.ts";

export interface HeldLock {
  /** Resolves when another process has taken the store: from then on nothing in it may be touched. */
  readonly lost: Promise<"lost">;
  release(): void;
}

const LOOK_EVERY_MS = 5_000;
const LOOKS = 10;
const LOOK_AGAIN_MS = 100;

/** Tells whether a server listens on this socket. */
async function answers(path: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect(path);
  socket.once("connect", () => resolve(true));
  // No socket, or one left by a killed server.
  socket.once("error", () => resolve(false));
  return await promise.finally(() => socket.destroy());
}

/**
 * Tells whether a server keeps listening: a killed one may leave its socket to a child for the moment between fork and exec.
 */
async function keepsAnswering(path: string): Promise<boolean> {
  for (let looks = 0; looks < LOOKS; looks++) {
    if (!(await answers(path))) return false;
    await Bun.sleep(LOOK_AGAIN_MS);
  }
  return true;
}

/**
 * @param holder named to a second server, such as "portcache serve (process 4711)"
 * @throws {StoreLockedError} if another process holds the lock
 */
export async function holdStoreLock(
  location: string,
  holder: string,
  log: Logger,
  lookEveryMs = LOOK_EVERY_MS,
): Promise<HeldLock> {
  let lock: StoreLock = lockStore(location, holder);
  if (await keepsAnswering(socketPath(location))) {
    lock.release();
    throw new StoreLockedError(location, `the server that answers at ${socketPath(location)}`);
  }
  const { promise: lost, resolve } = Promise.withResolvers<"lost">();

  function look(): void {
    if (lock.holds) return;
    try {
      const next = lockStore(location, holder);
      lock.release();
      lock = next;
      log.warn("{location}/portcache.lock was removed while in use, and is restored", { location });
    } catch (error) {
      // The folder itself has gone.
      if (!(error instanceof StoreLockedError)) return;
      log.error("{error} since portcache.lock was removed: stopping at once", { error: error.message });
      resolve("lost");
    }
  }

  const timer = setInterval(look, lookEveryMs);
  timer.unref();
  return {
    lost,
    release() {
      clearInterval(timer);
      lock.release();
    },
  };
}
