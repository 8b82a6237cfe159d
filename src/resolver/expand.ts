/**
 * Expands the URIs of an ebuild to URLs that can be fetched: `mirror://` by the mirror lists of the ebuild's repository,
 * with third-party mirrors in an order that spreads the load. Refuses schemes other than http and https.
 */
import type { Attempt, SourceFailure } from "../distfile/errors.ts";
import { type DistfileName, parseDistfileName } from "../distfile/name.ts";
import { shown } from "../lib/text.ts";
import { maskCredentials } from "../lib/url.ts";
import { UnreadableFileError } from "../repos/file-cache.ts";
import { atMirror, splitMirrorUri } from "../repos/formats/third-party-mirrors.ts";
import type { MirrorUrls } from "../repos/masters.ts";

export type ExpandedUri =
  /** `trusted`: the admin configured the mirror in /etc/portage/mirrors, so its address may be private. */
  | { readonly kind: "url"; readonly url: string; readonly trusted: boolean }
  /** `mirror://gentoo/`: the file of this name at the configured mirrors, by their layouts. */
  | { readonly kind: "mirrors"; readonly name: DistfileName };

export interface Expansion {
  readonly uris: readonly ExpandedUri[];
  /** URIs that cannot be fetched, with the reasons. */
  readonly refusals: readonly Attempt[];
}

export interface ExpandDeps {
  readonly mirrorUrls: (name: string) => Promise<MirrorUrls>;
  /** Puts base URLs in the order to try. */
  readonly spread: (urls: readonly string[]) => readonly string[];
}

function refuse(uri: string, detail: string, kind: SourceFailure = "absent"): Expansion {
  return { uris: [], refusals: [{ source: shown(maskCredentials(uri)), kind, detail }] };
}

function plainUrl(url: string, trusted: boolean): Expansion {
  if (!/^https?:\/\//i.test(url)) return refuse(url, "is not fetched: only http and https are supported");
  if (!URL.canParse(url)) return refuse(url, "is not a valid URL");
  return { uris: [{ kind: "url", url, trusted }], refusals: [] };
}

function joined(expansions: readonly Expansion[]): Expansion {
  return {
    uris: expansions.flatMap(({ uris }) => uris),
    refusals: expansions.flatMap(({ refusals }) => refusals),
  };
}

export async function expandUri(uri: string, { mirrorUrls, spread }: ExpandDeps): Promise<Expansion> {
  if (!/^mirror:\/\//i.test(uri)) return plainUrl(uri, false);
  const mirror = splitMirrorUri(uri);
  if (!mirror) return refuse(uri, "is not mirror://NAME/PATH");
  if (mirror.name === "gentoo") {
    const name = parseDistfileName(mirror.path.slice(mirror.path.lastIndexOf("/") + 1));
    return name === undefined ? refuse(uri, "has no file name") : { uris: [{ kind: "mirrors", name }], refusals: [] };
  }
  let found: MirrorUrls;
  try {
    found = await mirrorUrls(mirror.name);
  } catch (error) {
    if (!(error instanceof UnreadableFileError)) throw error;
    return refuse(uri, `is unknown: ${error.message}`, "failed");
  }
  const { custom, thirdParty } = found;
  if (custom.length + thirdParty.length === 0) return refuse(uri, "is not in any profiles/thirdpartymirrors");
  return joined([
    ...custom.map((base) => plainUrl(atMirror(base, mirror.path), true)),
    ...spread(thirdParty).map((base) => plainUrl(atMirror(base, mirror.path), false)),
  ]);
}
