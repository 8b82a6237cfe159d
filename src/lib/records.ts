/**
 * Lists the keys and entries of records whose keys are all known, as Object.keys() and Object.entries() do, with their types.
 */

/** Returns the keys in the order in which they were written. */
export function keysOf<K extends string>(record: Readonly<Record<K, unknown>>): K[] {
  const keys: K[] = [];
  for (const key in record) keys.push(key);
  return keys;
}

export function entriesOf<K extends string, V>(record: Readonly<Record<K, V>>): [K, V][] {
  return keysOf(record).map((key) => [key, record[key]]);
}
