/**
 * Limits how much of something all clients together and each client alone may have at once, so that no client takes it all.
 */

export interface ClientLimit {
  /** Takes one for the client. Returns a function that gives it back, once; undefined where the client may have no more. */
  enter(client: string): (() => void) | undefined;
  /** Returns whether the client may have one more. */
  hasRoom(client: string): boolean;
  /** How many are taken. */
  readonly taken: number;
}

export function createClientLimit(most: number, mostPerClient: number): ClientLimit {
  const byClient = new Map<string, number>();
  let taken = 0;
  const takenBy = (client: string) => byClient.get(client) ?? 0;
  const hasRoom = (client: string) => taken < most && takenBy(client) < mostPerClient;
  return {
    hasRoom,
    enter(client) {
      const before = takenBy(client);
      if (!hasRoom(client)) return undefined;
      taken++;
      byClient.set(client, before + 1);
      let inside = true;
      return () => {
        if (!inside) return;
        inside = false;
        taken--;
        const left = (byClient.get(client) ?? 1) - 1;
        if (left > 0) byClient.set(client, left);
        else byClient.delete(client);
      };
    },
    get taken() {
      return taken;
    },
  };
}
