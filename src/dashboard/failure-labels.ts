/**
 * Describes failures in a few words: how the sources failed, how bad that is, and what a person can do about it (pure).
 */
import type { Failure } from "../api/schemas.ts";
import { formatCount } from "./format.ts";
import { mirrorName, type Tone } from "./labels.ts";

type Group = Failure["sources"][number];

const KINDS: Readonly<Record<Failure["kind"], string>> = {
  absent: "Not found",
  failed: "Download failed",
  "timed-out": "Sources timed out",
  late: "Response timed out",
  "broken-off": "Transfer interrupted",
};

const GROUPS: Readonly<Record<Group["kind"], string>> = {
  corrupt: "wrong bytes",
  failed: "failed",
  timeout: "timed out",
  bad: "sent something else",
  absent: "not found",
};

function corruptSources({ sources }: Failure): Group | undefined {
  return sources.find(({ kind }) => kind === "corrupt");
}

export function failureLabel(failure: Failure): string {
  return corruptSources(failure) ? "Wrong bytes" : KINDS[failure.kind];
}

/** A file that no source has is not a malfunction. */
export function failureTone(failure: Failure): Tone {
  if (corruptSources(failure)) return "bad";
  return failure.kind === "absent" ? "idle" : failure.kind === "late" ? "warn" : "bad";
}

/** More names than these are in the list of all sources. */
const MAX_NAMES = 2;

function groupText({ kind, count, sources }: Group, isFirst: boolean): string {
  const noun = isFirst ? (count === 1 ? " source" : " sources") : "";
  const names = count <= MAX_NAMES && kind !== "absent" ? ` (${sources.map(mirrorName).join(", ")})` : "";
  return `${formatCount(count)}${noun}: ${GROUPS[kind]}${names}`;
}

/** `1 source: wrong bytes (mirror.example), 4: not found`; empty if none was asked. */
export function sourcesText({ sources }: Failure): string {
  return sources.map((group, i) => groupText(group, i === 0)).join(", ");
}

const ADVICE: Readonly<Record<Failure["kind"], string>> = {
  absent:
    "No source has a file of this name. Check the name; if an ebuild lists it, sync the repositories, as it may have a new name.",
  failed: "The next request tries again. If the mirrors stay like this, look at the page Mirrors.",
  "timed-out": "The next request tries again. If the mirrors stay this slow, choose nearer ones ([fetcher] mirrors).",
  late: "Nothing to do: the download went on, and the client finds the file stored when it asks again.",
  "broken-off": "Nothing to do: the client asks for the rest when it tries again.",
};

/** Says what a person can do. */
export function failureAdvice(failure: Failure): string {
  const corrupt = corruptSources(failure);
  if (!corrupt) return ADVICE[failure.kind];
  return corrupt.count === 1
    ? "The bytes were thrown away. Sync the repositories: the file may have been made anew. If they agree, this mirror is behind or damaged: leave it out of [fetcher] mirrors."
    : "The bytes were thrown away. As several sources send them, the file was probably made anew: sync the repositories, and tell the package's maintainer if that does not help.";
}

function severity(failure: Failure): number {
  return corruptSources(failure) ? 0 : { bad: 1, warn: 2, good: 3, idle: 3 }[failureTone(failure)];
}

/** Sorts the worst first, and of those alike the newest. */
export function bySeverity(failures: readonly Failure[]): readonly Failure[] {
  return failures.toSorted((a, b) => severity(a) - severity(b) || Date.parse(b.last_at) - Date.parse(a.last_at));
}
