/**
 * Detects that a repository was synced, for the price of six stat calls: reads size and time of the files that rsync, git and
 * the Gentoo infrastructure change with every sync. A Manifest edited by hand changes none of them.
 */
import { statSync } from "node:fs";

const MARKER_FILES = [
  "metadata/timestamp.chk",
  "metadata/timestamp.commit",
  "metadata/timestamp.x",
  ".git/HEAD",
  ".git/logs/HEAD",
  ".git/index",
] as const;

function markerOf(path: string): string {
  try {
    const stats = statSync(path, { bigint: true, throwIfNoEntry: false });
    return stats ? `${stats.mtimeNs}:${stats.size}` : "";
  } catch {
    // A marker that cannot be read (permissions, I/O error) counts as missing.
    return "";
  }
}

/** Returns a text that changes when the repository is synced; empty where it has no markers, or is missing. */
export function readMarkers(location: string): string {
  const markers = MARKER_FILES.map((file) => markerOf(`${location}/${file}`));
  return markers.every((marker) => marker === "") ? "" : markers.join(" ");
}
