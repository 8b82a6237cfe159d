/**
 * Maps the fragment of the address to the view that is shown, and back, so that links to a file or a search can be shared.
 */
import { useEffect, useState } from "preact/hooks";

export type Route =
  | { readonly view: "overview" }
  | { readonly view: "files"; readonly search: string }
  | { readonly view: "file"; readonly name: string };

/** @param hash as in location.hash */
export function parseRoute(hash: string): Route {
  const [path = "", query = ""] = hash.replace(/^#\/?/, "").split("?");
  if (path === "files") return { view: "files", search: new URLSearchParams(query).get("q") ?? "" };
  if (!path.startsWith("file/")) return { view: "overview" };
  try {
    const name = decodeURIComponent(path.slice("file/".length));
    return name === "" ? { view: "overview" } : { view: "file", name };
  } catch {
    // Not valid percent-encoding: typed by hand.
    return { view: "overview" };
  }
}

export function searchHash(search: string): string {
  return search === "" ? "#/files" : `#/files?${new URLSearchParams({ q: search })}`;
}

/** @param name may contain slashes */
export function fileHash(name: string): string {
  return `#/file/${encodeURIComponent(name)}`;
}

export function useRoute(): Route {
  const [hash, setHash] = useState(location.hash);
  useEffect(() => {
    const onChange = () => setHash(location.hash);
    addEventListener("hashchange", onChange);
    return () => removeEventListener("hashchange", onChange);
  }, []);
  return parseRoute(hash);
}
