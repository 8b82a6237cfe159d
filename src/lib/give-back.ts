/**
 * Gives the memory of byte arrays back at once: the garbage collector does not count what they hold outside its heap, and lets it
 * pile up to many times what is in use.
 */

/** Below that it is not worth the call, and the memory may be shared with others. */
const MIN_BYTES = 64 * 1024;

/** Frees the memory of bytes that nobody reads any more; those that share theirs with others stay. The array is empty after that. */
export function giveBack({ buffer, byteLength }: Uint8Array): void {
  if (byteLength < MIN_BYTES || byteLength !== buffer.byteLength) return;
  if (buffer instanceof ArrayBuffer && !buffer.detached) buffer.transfer(0);
}
