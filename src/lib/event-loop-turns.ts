/**
 * Keeps turns of the event loop short where thousands of promises would continue one after the other without ever waiting.
 */

/**
 * Returns a function to call before each piece of work: it returns undefined where that may be done at once, else a promise that
 * resolves in a later turn, first come, first served.
 * @param pieces how many pieces of work are done in one turn
 */
export function createEventLoopTurns(pieces: number): () => Promise<void> | undefined {
  const waiting: (() => void)[] = [];
  let left = pieces;
  let scheduled = false;

  function schedule(): void {
    if (scheduled) return;
    scheduled = true;
    setImmediate(begin);
  }

  function begin(): void {
    scheduled = false;
    const next = waiting.splice(0, pieces);
    left = pieces - next.length;
    if (next.length > 0) schedule();
    for (const go of next) go();
  }

  return () => {
    schedule();
    if (left <= 0) return new Promise((resolve) => waiting.push(resolve));
    left--;
    return undefined;
  };
}
