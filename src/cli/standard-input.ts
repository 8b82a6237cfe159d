/**
 * What is piped into a command.
 */
import { UsageError } from "./usage.ts";

/** All URIs of a hundred thousand files. */
const MOST_BYTES = 64 * 1024 * 1024;

/** @throws {UsageError} where it is more than any list of files */
export async function readStandardInput(): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  for await (const piece of Bun.stdin.stream()) {
    bytes += piece.length;
    if (bytes > MOST_BYTES) throw new UsageError("standard input", "longer than 64 MiB", "a list of files");
    text += decoder.decode(piece, { stream: true });
  }
  return text + decoder.decode();
}
