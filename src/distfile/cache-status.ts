/**
 * Says how a request was answered, in the words of RFC 9211 (Cache-Status): from the store, or forwarded to a source and why.
 * The field itself, the log's words and what is counted are made from this.
 */

/** The store answered without asking anybody. */
export interface Hit {
  readonly kind: "hit";
  /** The file's freshness lifetime had passed, and no mirror could be asked (RFC 9111, section 4.2.4). */
  readonly stale: boolean;
}

/**
 * Why a source was asked. `uri-miss`: nothing of that name is stored. `stale`: what is stored is outdated. `request`: the client's
 * Cache-Control did not accept what is stored.
 */
export type ForwardReason = "uri-miss" | "stale" | "request";

/** A source was asked. */
export interface Forwarded {
  readonly kind: "forwarded";
  readonly reason: ForwardReason;
  /** The request joined a download under way. */
  readonly collapsed: boolean;
  /**
   * What the source answered (RFC 9111, section 4.3.3). `full`: the file. `not-modified`: the stored file is current. `none`: no
   * source could be asked, and the stored file is used although it is stale.
   */
  readonly response: "full" | "not-modified" | "none";
}

export type CacheStatus = Hit | Forwarded;

export const HIT: Hit = { kind: "hit", stale: false };
