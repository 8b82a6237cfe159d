/**
 * Whether a repository may have changed since it was last looked at, for the price of six stat calls: what rsync,
 * git and the Gentoo infrastructure touch with every sync. A Manifest edited by hand moves none of them.
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
    // Not to be seen (permissions, I/O error) is as good as not there: such a marker tells nothing.
    return "";
  }
}

/** A text that changes when the repository is synced; empty where it has no markers (or is not there). */
export function readMarkers(location: string): string {
  const markers = MARKER_FILES.map((file) => markerOf(`${location}/${file}`));
  return markers.every((marker) => marker === "") ? "" : markers.join(" ");
}
