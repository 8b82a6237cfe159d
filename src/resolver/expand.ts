/**
 * From the URIs of an ebuild to URLs that can be fetched: `mirror://` by the lists of its repository, the third-party
 * mirrors in an order that spreads their load, and only http and https.
 */
import type { Attempt } from "../distfile/errors.ts";
import { type DistfileName, parseDistfileName } from "../distfile/name.ts";
import { oneLine } from "../lib/text.ts";
import { maskCredentials } from "../lib/url.ts";
import { atMirror, splitMirrorUri } from "../repos/formats/third-party-mirrors.ts";
import type { MirrorUrls } from "../repos/masters.ts";

export type ExpandedUri =
  /** Trusted where the admin named the mirror: then its address may be any. */
  | { readonly kind: "url"; readonly url: string; readonly trusted: boolean }
  /** `mirror://gentoo/`: this file at the configured mirrors, by their layouts. */
  | { readonly kind: "mirrors"; readonly name: DistfileName };

export interface Expanded {
  readonly uris: readonly ExpandedUri[];
  readonly refusals: readonly Attempt[];
}

export interface ExpandDeps {
  readonly mirrorUrls: (name: string) => Promise<MirrorUrls>;
  /** Base URLs in the order to ask them. */
  readonly spread: (urls: readonly string[]) => readonly string[];
}

function refusal(uri: string, detail: string): Expanded {
  return { uris: [], refusals: [{ source: oneLine(maskCredentials(uri)), kind: "absent", detail }] };
}

function plain(url: string, trusted: boolean): Expanded {
  if (!/^https?:\/\//i.test(url)) return refusal(url, "is not fetched: only http and https are");
  if (!URL.canParse(url)) return refusal(url, "is no URL");
  return { uris: [{ kind: "url", url, trusted }], refusals: [] };
}

async function expandOne(uri: string, { mirrorUrls, spread }: ExpandDeps): Promise<Expanded> {
  if (!/^mirror:\/\//i.test(uri)) return plain(uri, false);
  const mirror = splitMirrorUri(uri);
  if (!mirror) return refusal(uri, "names no mirror and path");
  if (mirror.name === "gentoo") {
    const name = parseDistfileName(mirror.path.slice(mirror.path.lastIndexOf("/") + 1));
    return name === undefined ? refusal(uri, "has no file name") : { uris: [{ kind: "mirrors", name }], refusals: [] };
  }
  const { custom, thirdParty } = await mirrorUrls(mirror.name);
  if (custom.length + thirdParty.length === 0)
    return refusal(uri, "names mirrors that no profiles/thirdpartymirrors has");
  const expanded = [
    ...custom.map((base) => plain(atMirror(base, mirror.path), true)),
    ...spread(thirdParty).map((base) => plain(atMirror(base, mirror.path), false)),
  ];
  return {
    uris: expanded.flatMap(({ uris: candidates }) => candidates),
    refusals: expanded.flatMap(({ refusals }) => refusals),
  };
}

export async function expandUris(uris: readonly string[], deps: ExpandDeps): Promise<Expanded> {
  const expanded = await Promise.all(uris.map((uri) => expandOne(uri, deps)));
  return {
    uris: expanded.flatMap(({ uris: candidates }) => candidates),
    refusals: expanded.flatMap(({ refusals }) => refusals),
  };
}
