/**
 * Who may be asked for a file, by SRC_URI and RESTRICT (PMS 8.2.10, 8.3.5; portage: fetch.py, async_fetch), pure.
 */
import { parseRestrict, type Restrictions, type SrcUri } from "../repos/formats/src-uri.ts";

/** What one ebuild says of the file. */
export interface Wish {
  /** In the order written. */
  readonly uris: readonly SrcUri[];
  readonly restrictions: Restrictions;
}

export interface Permission {
  /** When mirrors are asked: before the URIs, after them, or not at all. */
  readonly mirrors: "first" | "last" | "never";
  /** Those that may be fetched, `mirror://` ones not expanded, in Portage's order. */
  readonly uris: readonly string[];
  /** For everybody, whatever their USE flags. */
  readonly fetchRestricted: boolean;
  readonly mirrorRestricted: boolean;
}

/** Where no ebuild says anything. */
export const UNRESTRICTED: Permission = {
  mirrors: "first",
  uris: [],
  fetchRestricted: false,
  mirrorRestricted: false,
};

const isMirrorUri = (uri: string) => /^mirror:\/\//i.test(uri);

/** `mirror://` ones as listed, then the others, of which Portage takes the last one first. */
function inPortageOrder(uris: readonly string[]): readonly string[] {
  return [...uris.filter(isMirrorUri), ...uris.filter((uri) => !isMirrorUri(uri)).reverse()];
}

function mirrorsFor({ uris, restrictions }: Wish): Permission["mirrors"] {
  const lifted = uris.some(({ lifts }) => lifts === "mirror");
  if (restrictions.primaryuri !== "no") return restrictions.fetch === "yes" && !lifted ? "never" : "last";
  if (lifted) return "first";
  if (restrictions.fetch === "yes") return "never";
  // A cache at home is no public mirror, but upstream goes first; so it does where the restriction is for some only.
  return restrictions.mirror === "no" ? "first" : "last";
}

export function permissionOf(wish: Wish): Permission {
  const { restrictions } = wish;
  const fetchRestricted = restrictions.fetch === "yes";
  // RESTRICT=fetch is about plain URIs: mirror:// names mirrors that may be asked all the same.
  const allowed = wish.uris.filter(({ uri, lifts }) => !fetchRestricted || lifts !== "nothing" || isMirrorUri(uri));
  return {
    mirrors: mirrorsFor(wish),
    uris: inPortageOrder(allowed.map(({ uri }) => uri)),
    fetchRestricted,
    mirrorRestricted: restrictions.mirror === "yes",
  };
}

/** @param restrict text of RESTRICT */
export function permissionOfFile(uris: readonly SrcUri[], restrict: string): Permission {
  return permissionOf({ uris, restrictions: parseRestrict(restrict) });
}

const RANKS = ["never", "last", "first"] as const;

/** Where packages differ the most permissive counts. */
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
