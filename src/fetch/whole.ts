/**
 * All bytes of a small file that has come in, read once for however many clients wait for it.
 */
import type { Tail } from "./tail.ts";

async function readAll(tail: Pick<Tail, "open">): Promise<Blob> {
  const reader = tail.open(0, undefined);
  const pieces: Uint8Array[] = [];
  try {
    for (let bytes = await reader.read(); bytes !== undefined; bytes = await reader.read()) pieces.push(bytes);
  } finally {
    reader.close();
  }
  return new Blob(pieces);
}

/** To be asked for once the file is known to be right, by somebody who holds it readable. */
export function createWhole(tail: Pick<Tail, "open">): () => Promise<Blob> {
  let bytes: Promise<Blob> | undefined;
  return () => {
    bytes ??= readAll(tail);
    return bytes;
  };
}
