/**
 * Decides when a download yields its slot to others, so that slow ones hold up nobody else: without a Manifest a slot is for asking
 * sources, not for the transfer; a file with a Manifest yields it while its bytes only trickle in. Reports how fast those are, of
 * which the slowest is ended where there is no slot left.
 */
import type { Slot } from "../lib/priority-semaphore.ts";

/** A source that has the file or says that it has none has answered by then. */
const ASKING_MS = 1_000;
/** How long bytes have to trickle in: other downloads are waited for no longer than 45 s. */
const TRICKLE_MS = 10_000;
/** Sixteen of these are less than the slowest line in use. */
const TRICKLE_BYTES_PER_SECOND = 16 * 1024;

/** How far a download is. */
interface Progress {
  /** Returns how many bytes have come so far. */
  readonly receivedBytes: () => number;
  /** Returns how long it has waited so far for turns to read, which is not its sources' doing. */
  readonly waitedMs: () => number;
}

/**
 * Watches a download until the returned function is called.
 * @param askingOnly whether the slot is for asking sources
 * @param end ends the download
 */
export function yieldIfSlow(
  slot: Slot,
  { receivedBytes, waitedMs }: Progress,
  askingOnly: boolean,
  end: (bytesPerSecond: number) => void,
): () => void {
  let before = receivedBytes();
  let waitedBefore = waitedMs();
  function check(): void {
    const bytes = receivedBytes() - before;
    before += bytes;
    const waited = waitedMs() - waitedBefore;
    waitedBefore += waited;
    const bytesPerSecond = (1000 * bytes) / TRICKLE_MS;
    const isTrickle = bytesPerSecond < TRICKLE_BYTES_PER_SECOND && waited < TRICKLE_MS / 2;
    if (isTrickle) slot.yield();
    slot.reportSlow(isTrickle || askingOnly ? { bytesPerSecond, end: () => end(bytesPerSecond) } : undefined);
  }
  const timer = setInterval(check, TRICKLE_MS);
  const asked = askingOnly ? setTimeout(slot.yield, ASKING_MS) : undefined;
  return () => {
    clearInterval(timer);
    clearTimeout(asked);
  };
}
