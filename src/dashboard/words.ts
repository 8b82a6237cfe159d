/**
 * What the server tells, in a few plain words (pure): is it well, which mirror is bad, what went wrong, what was done.
 */
import type { Cleanup, Failure, Mirrors, Repositories, Status, UpstreamRequest } from "../api/schemas.ts";
import { formatAgo, formatBytes, formatDuration, plural } from "./format.ts";

/** How something stands; each has a colour and a sign of its own. */
export type Tone = "good" | "warn" | "bad" | "idle";

export interface Verdict {
  readonly tone: Tone;
  readonly text: string;
  readonly detail: string;
}

type Mirror = Mirrors["mirrors"][number];

export function healthVerdict({ health, uptime_seconds, version }: Status): Verdict {
  const since = `version ${version}, up for ${formatDuration(uptime_seconds * 1000)}`;
  if (health.state === "ok") return { tone: "good", text: "Working", detail: since };
  const detail = health.reason ?? since;
  if (health.state === "degraded") return { tone: "warn", text: "Degraded", detail };
  return { tone: "bad", text: "Not serving", detail };
}

/** Worse than this is worth a look. */
const SHAKY_RATE = 0.9;
const SOON_MS = 5000;
/** So few requests tell nothing. */
const FEW_REQUESTS = 3;

export function mirrorVerdict(mirror: Mirror, now: number): Verdict {
  const { circuit, open_until, success_rate, requests, last_request_at } = mirror;
  const asked = requests.delivered + requests.absent + requests.failed;
  if (circuit === "open") {
    const soon = open_until === null || Date.parse(open_until) - now < SOON_MS;
    const detail = `is tried again ${soon ? "soon" : formatAgo(open_until, now)}`;
    return { tone: "bad", text: "Out of order", detail };
  }
  if (circuit === "half-open")
    return { tone: "warn", text: "On trial", detail: "failed before, one request may try it" };
  if (last_request_at === null || success_rate === null) return { tone: "idle", text: "Not asked yet", detail: "" };
  if (success_rate < SHAKY_RATE && asked >= FEW_REQUESTS) {
    return { tone: "warn", text: "Shaky", detail: "many of its requests fail" };
  }
  return { tone: "good", text: "Well", detail: "" };
}

/** `distfiles.gentoo.org` of `https://distfiles.gentoo.org/`; with its path where it has one. */
export function placeName(place: string): string {
  return place.replace(/^https?:\/\//, "").replace(/\/+$/, "");
}

/** The worst of them in a sentence. */
export function mirrorsVerdict(all: readonly Mirror[], now: number): Verdict {
  const mirrors = all.filter(({ kind }) => kind === "mirror");
  const names = (list: readonly Mirror[]) => list.map(({ url }) => placeName(url)).join(", ");
  const of = (tone: Tone, text?: string) =>
    mirrors.filter((mirror) => {
      const verdict = mirrorVerdict(mirror, now);
      return verdict.tone === tone && (text === undefined || verdict.text === text);
    });
  const bad = of("bad");
  if (bad.length > 0)
    return { tone: "bad", text: `${bad.length} of ${mirrors.length} out of order`, detail: names(bad) };
  const trial = of("warn");
  if (trial.length > 0)
    return { tone: "warn", text: `${trial.length} of ${mirrors.length} shaky`, detail: names(trial) };
  const well = of("good");
  if (well.length === 0) return { tone: "idle", text: plural(mirrors.length, "mirror"), detail: "none was asked yet" };
  const fastest = well.toSorted((a, b) => (b.bytes_per_second ?? 0) - (a.bytes_per_second ?? 0))[0];
  const text =
    well.length === mirrors.length
      ? mirrors.length === 1
        ? "Well"
        : `All ${mirrors.length} well`
      : `${well.length} of ${mirrors.length} well`;
  return { tone: "good", text, detail: fastest ? `fastest: ${placeName(fastest.url)}` : "" };
}

/** What is wrong with a tree, where something is. */
export function treeVerdict(tree: Repositories["repositories"][number]): Verdict {
  const { problem, unreadable, skipped, scanned_at } = tree;
  if (problem !== null) return { tone: "bad", text: "can't be read", detail: problem };
  if (unreadable > 0)
    return {
      tone: "warn",
      text: `${plural(unreadable, "Manifest or folder", "Manifests or folders")} could not be read`,
      detail: "",
    };
  if (skipped > 0)
    return {
      tone: "warn",
      text: `${plural(skipped, "line of its Manifests", "lines of its Manifests")} can't be used`,
      detail: "",
    };
  return { tone: scanned_at === null ? "idle" : "good", text: "", detail: "" };
}

const FAILURE_WORDS: Readonly<Record<Failure["kind"], string>> = {
  absent: "Nobody has it",
  failed: "Sources failed",
  "timed-out": "Sources took too long",
  late: "First byte came too late",
  "broken-off": "Broke off on the way",
};

export function failureWords(kind: Failure["kind"]): string {
  return FAILURE_WORDS[kind];
}

/** The reason without what stands beside it already: the file's name and that there was a failure. */
export function failureReason({ file, reason }: Failure): string {
  const lines = reason.split("\n").filter((line) => !line.startsWith(`${file}: `) && line !== "Sources:");
  return lines.length === 0 ? reason : lines.join("\n");
}

/** Absence is an answer; all others are trouble. */
export function failureTone(kind: Failure["kind"]): Tone {
  return kind === "absent" ? "idle" : kind === "late" ? "warn" : "bad";
}

const OUTCOME_WORDS: Readonly<Record<NonNullable<UpstreamRequest["outcome"]>, readonly [Tone, string]>> = {
  delivered: ["good", "delivered"],
  absent: ["idle", "does not have it"],
  failed: ["bad", "failed"],
  unreachable: ["bad", "not reachable"],
  late: ["warn", "too slow"],
  cancelled: ["idle", "another was faster"],
};

export function outcomeWords(outcome: UpstreamRequest["outcome"]): readonly [Tone, string] {
  return outcome === null ? ["idle", "under way"] : OUTCOME_WORDS[outcome];
}

const CLEANUP_WORDS: Readonly<Record<Cleanup["next"][number]["reason"], string>> = {
  orphan: "no Manifest wants it any more",
  age: "not asked for in a long time",
  space: "least valuable of what is here",
};

/** Why clean-up would take a file. */
export function cleanupWords(reason: Cleanup["next"][number]["reason"]): string {
  return CLEANUP_WORDS[reason];
}

/** How full the store is, of what it may hold. */
export function storeWords({ store }: Status): string {
  const { bytes, max_bytes, files } = store;
  if (files === 0) return "nothing stored yet";
  return max_bytes === null
    ? `${formatBytes(bytes)} in ${plural(files, "file")}`
    : `${formatBytes(bytes)} of ${formatBytes(max_bytes)}, ${plural(files, "file")}`;
}
