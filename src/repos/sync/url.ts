/**
 * Parses URLs of ebuild repositories, for the folder's name and for the credentials in them. Pure.
 *   https:// http:// git:// ssh:// file:// and user@host:path for git; rsync:// for rsync
 */
import { createHash } from "node:crypto";
import { withoutTrailing } from "../../lib/text.ts";

export interface SyncUrl {
  /** Without password, and for http and https without user name, so that neither shows in messages and in `ps`. */
  readonly url: string;
  readonly username?: string;
  readonly password?: string;
}

export function isRsyncUrl(url: string): boolean {
  return /^rsync:/i.test(url);
}

/** Masks everything before the host, also in passwords that contain `?` or `#`. */
export function maskedUrl(url: string): string {
  return url.replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/]*@/i, "$1***@");
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Takes the credentials out of the URL where git and rsync accept them by other means. */
export function splitCredentials(url: string): SyncUrl {
  const [, scheme = "", userInfo, rest = ""] = /^(https?|rsync):\/\/(?:([^/]*)@)?(.*)$/is.exec(url) ?? [];
  if (userInfo === undefined) return { url };
  const [name = "", ...words] = userInfo.split(":");
  const password = words.length > 0 ? { password: decoded(words.join(":")) } : {};
  // An rsync daemon gets the user name from the URL alone.
  if (isRsyncUrl(url)) return { url: `${scheme}://${name}@${rest}`, ...password };
  return { url: `${scheme}://${rest}`, username: decoded(name), ...password };
}

/** Returns the last part of the path without `.git`, as a safe file name. */
export function repositoryNameOf(url: string): string {
  const path = withoutTrailing(url.replace(/[?#].*$/s, ""), "/");
  const last =
    path
      .split(/[/:]/)
      .at(-1)
      ?.replace(/\.git$/i, "") ?? "";
  const name = last.replace(/[^\w.-]+/g, "-").replace(/^[.-]+/, "");
  return name.slice(0, 64) || "repository";
}

/** Returns a name that is unique to the URL, and independent of its credentials. */
export function folderNameOf(url: string): string {
  const hash = createHash("sha256")
    .update(url.replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/]*@/i, "$1"))
    .digest("hex");
  return `${repositoryNameOf(url)}-${hash.slice(0, 8)}`;
}
