/**
 * Tells whether there is a store at a location, for commands that must not make one: a mistyped location is no empty store.
 */
import { lstatSync } from "node:fs";
import { reasonOf } from "../lib/error-reason.ts";

/** There is no store to work on; the message is a sentence for people. */
export class NoStoreError extends Error {}

/** @throws {NoStoreError} where there is none, or it cannot be looked at */
export function requireStore(location: string): void {
  try {
    if (lstatSync(`${location}/distfiles`, { throwIfNoEntry: false })) return;
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : "";
    if (code !== "ENOTDIR") throw new NoStoreError(`Cannot look at the store ${location}: ${reasonOf(error)}`);
  }
  throw new NoStoreError(
    `There is no store in ${location} (set storage.location to choose another; serve, fetch and import create one)`,
  );
}
