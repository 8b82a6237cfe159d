/**
 * What is shown, from the part of the address behind `#` (pure, and a hook that follows it): links to a file's story or a
 * search can be kept and sent.
 */
import { useEffect, useState } from "preact/hooks";

export type Route =
  | { readonly view: "overview" }
  | { readonly view: "files"; readonly search: string }
  | { readonly view: "file"; readonly name: string };

/** @param hash as location.hash has it */
export function parseRoute(hash: string): Route {
  const [path = "", query = ""] = hash.replace(/^#\/?/, "").split("?");
  if (path === "files") return { view: "files", search: new URLSearchParams(query).get("q") ?? "" };
  if (!path.startsWith("file/")) return { view: "overview" };
  try {
    const name = decodeURIComponent(path.slice("file/".length));
    return name === "" ? { view: "overview" } : { view: "file", name };
  } catch {
    // Somebody's typing.
    return { view: "overview" };
  }
}

export function searchHash(search: string): string {
  return search === "" ? "#/files" : `#/files?${new URLSearchParams({ q: search })}`;
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
