/**
 * Decides which sources may be asked for a file, by SRC_URI and RESTRICT (PMS 8.2.10, 8.3.5; portage: fetch.py,
 * async_fetch). Pure.
 */
import type { Restrictions, SrcUri } from "../repos/formats/src-uri.ts";

export interface Permission {
  /** When mirrors are asked: before the URIs, after them, or not at all. */
  readonly mirrors: "first" | "last" | "never";
  /** URIs that may be fetched, in Portage's order; `mirror://` is not expanded. */
  readonly uris: readonly string[];
  /** Whether the restriction holds for the file and for everybody, whatever their USE flags. */
  readonly fetchRestricted: boolean;
  readonly mirrorRestricted: boolean;
}

/** Applies to files that no ebuild mentions. */
export const UNRESTRICTED: Permission = {
  mirrors: "first",
  uris: [],
  fetchRestricted: false,
  mirrorRestricted: false,
};

const isMirrorUri = (uri: string) => /^mirror:\/\//i.test(uri);

/** `mirror://` URIs as listed, then the plain ones, of which Portage takes the last one first. */
function inPortageOrder(uris: readonly string[]): readonly string[] {
  return [...uris.filter(isMirrorUri), ...uris.filter((uri) => !isMirrorUri(uri)).reverse()];
}

function mirrorsFor(uris: readonly SrcUri[], { fetch, mirror, primaryuri }: Restrictions): Permission["mirrors"] {
  const lifted = uris.some(({ lifts }) => lifts === "mirror");
  if (primaryuri !== "no") return fetch === "yes" && !lifted ? "never" : "last";
  if (lifted) return "first";
  if (fetch === "yes") return "never";
  // A local cache is no public mirror, so a mirror restriction, also a conditional one, only puts upstream first.
  return mirror === "no" ? "first" : "last";
}

/**
 * Decides by what one ebuild says of the file.
 * @param uris in the order written
 */
export function permissionOf(uris: readonly SrcUri[], restrictions: Restrictions): Permission {
  const isFetchRestricted = restrictions.fetch === "yes";
  const isLifted = (...by: readonly SrcUri["lifts"][]) => uris.some(({ lifts }) => by.includes(lifts));
  // RESTRICT=fetch is about plain URIs: mirror:// names mirrors that may be asked all the same.
  const allowed = uris.filter(({ uri, lifts }) => !isFetchRestricted || lifts !== "nothing" || isMirrorUri(uri));
  return {
    mirrors: mirrorsFor(uris, restrictions),
    uris: inPortageOrder(allowed.map(({ uri }) => uri)),
    fetchRestricted: isFetchRestricted && !isLifted("fetch", "mirror"),
    mirrorRestricted: restrictions.mirror === "yes" && !isLifted("mirror"),
  };
}

const RANKS = ["never", "last", "first"] as const;

/** Combines what several ebuilds allow: where they differ, the most permissive one counts. */
export function mostPermissive(permissions: readonly Permission[]): Permission {
  if (permissions.length === 0) return UNRESTRICTED;
  const rank = Math.max(...permissions.map(({ mirrors }) => RANKS.indexOf(mirrors)));
  return {
    mirrors: RANKS[rank] ?? "first",
    uris: [...new Set(permissions.flatMap(({ uris }) => uris))],
    fetchRestricted: permissions.every(({ fetchRestricted }) => fetchRestricted),
    mirrorRestricted: permissions.every(({ mirrorRestricted }) => mirrorRestricted),
  };
}
