/**
 * URLs of ebuild trees, pure: which texts are such, what the tree's folder is called, and the credentials in them.
 *   https:// http:// git:// ssh:// git+ssh:// file:// and user@host:path for git; rsync:// for rsync
 */
import { createHash } from "node:crypto";

export interface SyncUrl {
  /** Without password; for http and https without user name too, so that neither shows in messages and in `ps`. */
  readonly url: string;
  readonly username?: string;
  readonly password?: string;
}

/** Whether a configured repository is to be cloned, not a path. */
export function isRepositoryUrl(text: string): boolean {
  return /^[a-z][a-z0-9+.-]*:\/\//i.test(text) || /^[\w.-]+@[\w.-]+:/.test(text);
}

export function isRsyncUrl(url: string): boolean {
  return /^rsync:/i.test(url);
}

/** The URL as it may be shown: without what stands before the host. */
export function shownUrl(url: string): string {
  return url.replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/]*@/i, "$1***@");
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Takes the credentials out of the URL where git and rsync can be told them otherwise. */
export function splitCredentials(url: string): SyncUrl {
  const [, scheme = "", userInfo, rest = ""] = /^(https?|rsync):\/\/(?:([^/]*)@)?(.*)$/is.exec(url) ?? [];
  if (userInfo === undefined) return { url };
  const [name = "", ...words] = userInfo.split(":");
  const password = words.length > 0 ? { password: decoded(words.join(":")) } : {};
  // A daemon of rsync learns the user name from the URL alone.
  if (isRsyncUrl(url)) return { url: `${scheme}://${name}@${rest}`, ...password };
  return { url: `${scheme}://${rest}`, username: decoded(name), ...password };
}

/** What people call the tree: the last part of the path, without `.git`, as a name that is safe anywhere. */
export function repositoryNameOf(url: string): string {
  const path = url.replace(/[?#].*$/s, "").replace(/\/+$/, "");
  const last =
    path
      .split(/[/:]/)
      .at(-1)
      ?.replace(/\.git$/i, "") ?? "";
  const name = last.replace(/[^\w.-]+/g, "-").replace(/^[.-]+/, "");
  return name.slice(0, 64) || "tree";
}

/** The same for the same URL whatever else is configured, with other credentials too, and another for any other URL. */
export function folderNameOf(url: string): string {
  const hash = createHash("sha256")
    .update(url.replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/]*@/i, "$1"))
    .digest("hex");
  return `${repositoryNameOf(url)}-${hash.slice(0, 8)}`;
}
