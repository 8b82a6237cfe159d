/**
 * Maps the fragment of the address to the page that is shown, and back, so that links can be shared:
 * `#/PAGE`, `#/PAGE/ITEM` and `#/PAGE?QUERY`.
 */
import { useEffect, useMemo, useState } from "preact/hooks";

export interface Route {
  /** Path of the page; empty for the overview. */
  readonly page: string;
  /** What the page is about, such as the name of a file; empty if it is about all. */
  readonly item: string;
  readonly query: URLSearchParams;
}

const OVERVIEW: Route = { page: "", item: "", query: new URLSearchParams() };

/** @param hash as in location.hash */
export function parseRoute(hash: string): Route {
  const [path = "", query = ""] = hash.replace(/^#\/?/, "").split("?");
  const slash = path.indexOf("/");
  const page = slash < 0 ? path : path.slice(0, slash);
  try {
    const item = slash < 0 ? "" : decodeURIComponent(path.slice(slash + 1));
    return { page, item, query: new URLSearchParams(query) };
  } catch {
    // Not valid percent-encoding: typed by hand.
    return OVERVIEW;
  }
}

/** @param item may contain slashes */
export function pageHash(page: string, item = ""): string {
  return item === "" ? `#/${page}` : `#/${page}/${encodeURIComponent(item)}`;
}

export function searchHash(search: string): string {
  return search === "" ? pageHash("files") : `${pageHash("files")}?${new URLSearchParams({ q: search })}`;
}

export function packageSearchHash(search: string): string {
  return search === "" ? pageHash("packages") : `${pageHash("packages")}?${new URLSearchParams({ q: search })}`;
}

export function fileHash(name: string): string {
  return pageHash("file", name);
}

/** @param filter with the names of the API's query */
export function requestsHash(filter: Readonly<Record<string, string>>): string {
  const query = new URLSearchParams(filter).toString();
  return query === "" ? pageHash("requests") : `${pageHash("requests")}?${query}`;
}

export function useRoute(): Route {
  const [hash, setHash] = useState(location.hash);
  useEffect(() => {
    const onChange = () => setHash(location.hash);
    addEventListener("hashchange", onChange);
    return () => removeEventListener("hashchange", onChange);
  }, []);
  return useMemo(() => parseRoute(hash), [hash]);
}
