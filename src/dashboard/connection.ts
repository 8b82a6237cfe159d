/**
 * Tracks whether the server responds. Every successful and failed request is reported here; when the server comes back, or an
 * action changed something, the epoch is incremented and all components load their data again.
 */

export interface ServerConnection {
  readonly state: "connecting" | "online" | "offline";
  /** When the state was entered, in milliseconds since the epoch. */
  readonly since: number;
  readonly epoch: number;
  readonly reconnects: number;
}

export interface ConnectionMonitor {
  readonly current: ServerConnection;
  succeeded(): void;
  failed(): void;
  /** Makes all components load their data again. */
  refresh(): void;
  /** @returns a function that unsubscribes */
  subscribe(listener: (connection: ServerConnection) => void): () => void;
}

export function createConnectionMonitor(now: () => number): ConnectionMonitor {
  let current: ServerConnection = { state: "connecting", since: now(), epoch: 0, reconnects: 0 };
  const listeners = new Set<(connection: ServerConnection) => void>();

  function set(next: ServerConnection): void {
    current = next;
    for (const listener of listeners) listener(next);
  }

  return {
    get current() {
      return current;
    },
    succeeded() {
      if (current.state === "online") return;
      const back = current.state === "offline" ? 1 : 0;
      set({ state: "online", since: now(), epoch: current.epoch + back, reconnects: current.reconnects + back });
    },
    failed() {
      if (current.state !== "offline") set({ ...current, state: "offline", since: now() });
    },
    refresh() {
      set({ ...current, epoch: current.epoch + 1 });
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
