/**
 * Drops root for the owner of the store: files of root in somebody else's store would be in the owner's way.
 */
import { statSync } from "node:fs";

/** Becomes the owner of the store if the process is root. There is no way back. */
export function runAsOwner(location: string): void {
  const { uid, gid } = statSync(location);
  if (process.getuid?.() !== 0 || uid === 0) return;
  process.setgroups?.([gid]);
  process.setgid?.(gid);
  process.setuid?.(uid);
}
