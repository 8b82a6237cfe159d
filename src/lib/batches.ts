/**
 * Maps many items a few at a time: the disk answers several requests as fast as one, but memory is limited.
 * @returns the results in the order of the items
 */
export async function mapInBatches<T, R>(
  items: readonly T[],
  size: number,
  map: (item: T) => Promise<R>,
): Promise<readonly R[]> {
  const results: R[] = [];
  for (let at = 0; at < items.length; at += size) {
    results.push(...(await Promise.all(items.slice(at, at + size).map(map))));
  }
  return results;
}
