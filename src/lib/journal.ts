/**
 * Finds out whether a descriptor leads into the journal of systemd, which has a time and a priority for each line itself
 * (systemd.exec(5), JOURNAL_STREAM; sd-daemon(3)).
 */
import { fstatSync } from "node:fs";

/** @param env has JOURNAL_STREAM where systemd started the process: device and inode of the stream */
export function writesToJournal(env: Readonly<Record<string, string | undefined>>, descriptor: number): boolean {
  const stream = env["JOURNAL_STREAM"];
  if (stream === undefined) return false;
  try {
    const { dev, ino } = fstatSync(descriptor, { bigint: true });
    return stream === `${dev}:${ino}`;
  } catch {
    // It is closed.
    return false;
  }
}

/** What a line about a failure begins with: the priority of errors in the journal, nothing elsewhere. */
export function errorPrefix(env: Readonly<Record<string, string | undefined>>): string {
  return writesToJournal(env, process.stderr.fd) ? "<3>" : "";
}
