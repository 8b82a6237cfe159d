/**
 * How many requests are under way at each host: what is polite counts for all places that lie there.
 */

export interface HostLoad {
  /** One more at the host of this place, until the function given back is called. */
  enter(key: string): () => void;
  carriedAt(key: string): number;
}

/** Of a place, which is known by a URL. */
export function hostOf(key: string): string {
  return URL.canParse(key) ? new URL(key).host : key;
}

export function createHostLoad(): HostLoad {
  const carried = new Map<string, number>();
  return {
    enter(key) {
      const host = hostOf(key);
      carried.set(host, (carried.get(host) ?? 0) + 1);
      return () => {
        const left = (carried.get(host) ?? 0) - 1;
        if (left > 0) carried.set(host, left);
        else carried.delete(host);
      };
    },
    carriedAt: (key) => carried.get(hostOf(key)) ?? 0,
  };
}
