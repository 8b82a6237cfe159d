/**
 * Limits how much of something all clients together and each client alone may have at once, so that no client takes it all.
 */

export interface ClientLimit {
  /** Takes one for the client. Returns a function that gives it back, once; undefined where the client may have no more. */
  enter(client: string): (() => void) | undefined;
  /** How many are taken. */
  readonly taken: number;
}

export function createClientLimit(most: number, mostPerClient: number): ClientLimit {
  const byClient = new Map<string, number>();
  let taken = 0;
  return {
    enter(client) {
      const before = byClient.get(client) ?? 0;
      if (taken >= most || before >= mostPerClient) return undefined;
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
