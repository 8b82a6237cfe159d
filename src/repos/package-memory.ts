/**
 * Remembers the metadata of packages while nothing on disk has changed that it was read from: stat calls in place of reading and
 * parsing, as one package may have the files of many requests, and long lists of them.
 */
import { statSync } from "node:fs";
import { createEventLoopTurns } from "../lib/event-loop-turns.ts";

/** What was read from disk, by the state of each path before it was read. */
export interface PathStates {
  /** Notes the state of a path, which is about to be read; what is not there counts as well. */
  look(path: string): void;
  readonly count: number;
  /** Whether all paths are as they were. @param turn to be awaited before each few paths but the first */
  isUnchanged(turn: () => Promise<void> | undefined): Promise<boolean>;
}

function stateOf(path: string): string {
  try {
    const stats = statSync(path, { bigint: true, throwIfNoEntry: false });
    return stats ? `${stats.ino}:${stats.size}:${stats.mtimeNs}:${stats.ctimeNs}` : "";
  } catch {
    // What cannot be looked at was not read, and is looked at again.
    return "";
  }
}

/** Paths looked at in one turn of the event loop, by all who look: that takes a millisecond. */
const PATHS_PER_TURN = 64;

export function createPathStates(): PathStates {
  const states = new Map<string, string>();
  return {
    look(path) {
      if (!states.has(path)) states.set(path, stateOf(path));
    },
    get count() {
      return states.size;
    },
    async isUnchanged(turn) {
      let left = PATHS_PER_TURN;
      for (const [path, state] of states) {
        if (left-- === 0) {
          await turn();
          left = PATHS_PER_TURN;
        }
        if (stateOf(path) !== state) return false;
      }
      return true;
    },
  };
}

export interface PackageMemory<T> {
  /** @param configuration another object whenever other repositories may be the masters */
  get(key: string, configuration: object): Promise<T | undefined>;
  /** @param characters of the texts that it was read from */
  put(key: string, configuration: object, value: T, states: PathStates, characters: number): void;
  forget(key: string): void;
}

/** All SRC_URIs of an overlay with thousands of ebuilds have half of that. */
const MAX_CHARACTERS = 16 * 1024 * 1024;
/** What the state of a path takes. */
const STATE_CHARACTERS = 200;

interface Remembered<T> {
  readonly configuration: object;
  readonly value: T;
  readonly states: PathStates;
  readonly characters: number;
}

export function createPackageMemory<T>(most = MAX_CHARACTERS): PackageMemory<T> {
  /** Least recently used first. */
  const packages = new Map<string, Remembered<T>>();
  const turns = createEventLoopTurns(1);
  let characters = 0;

  function forget(key: string): void {
    characters -= packages.get(key)?.characters ?? 0;
    packages.delete(key);
  }

  return {
    async get(key, configuration) {
      const known = packages.get(key);
      if (!known) return undefined;
      const isCurrent = known.configuration === configuration && (await known.states.isUnchanged(turns));
      // It may have been forgotten or read anew meanwhile.
      if (packages.get(key) !== known) return isCurrent ? known.value : undefined;
      if (!isCurrent) {
        forget(key);
        return undefined;
      }
      packages.delete(key);
      packages.set(key, known);
      return known.value;
    },
    put(key, configuration, value, states, textCharacters) {
      forget(key);
      const one = { configuration, value, states, characters: textCharacters + states.count * STATE_CHARACTERS };
      packages.set(key, one);
      characters += one.characters;
      for (const oldest of packages.keys()) {
        if (characters <= most) break;
        forget(oldest);
      }
    },
    forget,
  };
}
