/**
 * The store's lock for as long as a server runs. The kernel locks a file and not its name: where somebody removes
 * `portcache.lock`, whoever comes next locks another one. So a server looks whether the file still is its own, and one that
 * starts whether another answers at the store's socket.
 */
import { connect } from "node:net";
import type { Logger } from "../lib/log.ts";
import { lockStore, type StoreLock, StoreLockedError } from "../store/lock.ts";
import { socketPath } from "./control-socket.ts";

export interface HeldLock {
  /** Resolves when another process has taken the store: nothing in it may be touched any more. */
  readonly lost: Promise<"ousted">;
  release(): void;
}

const LOOK_EVERY_MS = 5_000;
const LOOKS = 10;
const LOOK_AGAIN_MS = 100;

/** Whether a server listens there. */
async function answers(path: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect(path);
  socket.once("connect", () => resolve(true));
  // Left by one who ended without a word, or not there.
  socket.once("error", () => resolve(false));
  return await promise.finally(() => socket.destroy());
}

/**
 * The same, given a moment: a server that was killed while it started a process may leave its socket to that one, until this
 * has become the program that it is to run.
 */
async function goesOnAnswering(path: string): Promise<boolean> {
  for (let looks = 0; looks < LOOKS; looks++) {
    if (!(await answers(path))) return false;
    await Bun.sleep(LOOK_AGAIN_MS);
  }
  return true;
}

/**
 * @param holder what a second server is told, such as "portcache serve, process 4711"
 * @throws {StoreLockedError} when another process holds it
 */
export async function holdStoreLock(
  location: string,
  holder: string,
  log: Logger,
  lookEveryMs = LOOK_EVERY_MS,
): Promise<HeldLock> {
  let lock: StoreLock = lockStore(location, holder);
  if (await goesOnAnswering(socketPath(location))) {
    lock.release();
    throw new StoreLockedError(location, `the server that answers at ${socketPath(location)}`);
  }
  const { promise: ousted, resolve } = Promise.withResolvers<"ousted">();

  function look(): void {
    if (lock.holds) return;
    try {
      const next = lockStore(location, holder);
      lock.release();
      lock = next;
      log.warn("Somebody has removed {location}/portcache.lock while it was in use: it is there again", { location });
    } catch (error) {
      // Where the folder has gone there is nothing to be fought for.
      if (!(error instanceof StoreLockedError)) return;
      log.error("{error}, since somebody removed portcache.lock: this server ends at once", { error: error.message });
      resolve("ousted");
    }
  }

  const timer = setInterval(look, lookEveryMs);
  timer.unref();
  return {
    lost: ousted,
    release() {
      clearInterval(timer);
      lock.release();
    },
  };
}
