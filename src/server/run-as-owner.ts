/**
 * Who works on a store: its owner.
 */
import { statSync } from "node:fs";

/**
 * Root's files in a store of somebody else would be in that one's way: so root works as the store's owner. There is no way
 * back, so this is for processes that do nothing else.
 */
export function runAsOwner(location: string): void {
  const { uid, gid } = statSync(location);
  if (process.getuid?.() !== 0 || uid === 0) return;
  process.setgroups?.([gid]);
  process.setgid?.(gid);
  process.setuid?.(uid);
}
