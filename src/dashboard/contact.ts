/**
 * Whether the server answers: the one place that knows, told of each answer and each failure to get one. When it comes back,
 * or something was changed, the epoch counts up, and all that is shown is asked for anew.
 */

export interface Contact {
  /** "new": not asked yet. */
  readonly state: "new" | "here" | "gone";
  /** Since when, in milliseconds since the epoch. */
  readonly since: number;
  readonly epoch: number;
  /** How often it came back. */
  readonly returns: number;
}

export interface ContactKeeper {
  readonly current: Contact;
  answered(): void;
  missed(): void;
  /** Something was done, and what is shown may be old. */
  changed(): void;
  /** @returns ends it */
  subscribe(listener: (contact: Contact) => void): () => void;
}

export function createContact(now: () => number): ContactKeeper {
  let current: Contact = { state: "new", since: now(), epoch: 0, returns: 0 };
  const listeners = new Set<(contact: Contact) => void>();

  function become(next: Contact): void {
    current = next;
    for (const listener of listeners) listener(next);
  }

  return {
    get current() {
      return current;
    },
    answered() {
      if (current.state === "here") return;
      const back = current.state === "gone" ? 1 : 0;
      become({ state: "here", since: now(), epoch: current.epoch + back, returns: current.returns + back });
    },
    missed() {
      if (current.state !== "gone") become({ ...current, state: "gone", since: now() });
    },
    changed() {
      become({ ...current, epoch: current.epoch + 1 });
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
