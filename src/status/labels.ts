/**
 * Describes states and outcomes in a few words: the ones that the dashboard and the commands share (pure).
 */
import type { FileDetails, Verification } from "../api/file-schemas.ts";
import type { CleanupResponse, Failure, Mirror, UpstreamRequestReport } from "../api/schemas.ts";
import { formatAgo } from "../lib/format.ts";

/** How good or bad something is; each tone has its own colour and icon. */
export type Tone = "good" | "warn" | "bad" | "idle";

export interface Label {
  readonly tone: Tone;
  readonly text: string;
  readonly detail: string;
}

/** A mirror below this success rate is shown as unreliable. */
const RELIABLE_RATE = 0.9;
/** With fewer requests the success rate says too little. */
const MIN_REQUESTS = 3;
const SOON_MS = 5000;
/** The host answered with Retry-After. */
export const WAITING = "Asked to wait";

export function mirrorLabel(mirror: Mirror, now: number): Label {
  const { circuit, open_until, success_rate, requests, last_request_at } = mirror;
  const total = requests.delivered + requests.absent + requests.failed;
  if (circuit === "open" || circuit === "waiting") {
    const soon = open_until === null || Date.parse(open_until) - now < SOON_MS;
    const detail = `retry ${soon ? "soon" : formatAgo(open_until, now)}`;
    return circuit === "open" ? { tone: "bad", text: "Unavailable", detail } : { tone: "warn", text: WAITING, detail };
  }
  if (circuit === "half-open") return { tone: "warn", text: "Recovering", detail: "waiting for a trial request" };
  if (last_request_at === null || success_rate === null) return { tone: "idle", text: "Not used yet", detail: "" };
  if (success_rate < RELIABLE_RATE && total >= MIN_REQUESTS) {
    return { tone: "warn", text: "Unreliable", detail: "many requests fail" };
  }
  return { tone: "good", text: "OK", detail: "" };
}

/** `distfiles.gentoo.org` for `https://distfiles.gentoo.org/`, with the path if the URL has one. */
export function mirrorName(url: string): string {
  return url.replace(/^https?:\/\//, "").replace(/\/+$/, "");
}

const UPSTREAM_LABELS: Readonly<Record<NonNullable<UpstreamRequestReport["outcome"]>, readonly [Tone, string]>> = {
  delivered: ["good", "delivered"],
  absent: ["idle", "not found"],
  different: ["warn", "another file"],
  corrupt: ["bad", "wrong bytes"],
  failed: ["bad", "failed"],
  unreachable: ["bad", "unreachable"],
  late: ["warn", "too slow"],
  cancelled: ["idle", "cancelled"],
};

export function upstreamLabel(outcome: UpstreamRequestReport["outcome"]): readonly [Tone, string] {
  return outcome === null ? ["idle", "in progress"] : UPSTREAM_LABELS[outcome];
}

type FetchOutcome = FileDetails["fetch_history"][number]["outcome"];

const DOWNLOAD_LABELS: Readonly<Record<NonNullable<FetchOutcome>, string>> = {
  stored: "stored",
  "passed-through": "sent to clients without being stored",
  failed: "failed",
};

export function downloadLabel(outcome: FetchOutcome): string {
  return outcome === null ? "in progress" : DOWNLOAD_LABELS[outcome];
}

const VERIFICATION_LABELS: Readonly<Record<Verification, readonly [Tone, string]>> = {
  verified: ["good", "matches the Manifest"],
  unverified: ["idle", "not verified against a Manifest"],
  stale: ["warn", "outdated, the Manifests list other content"],
  damaged: ["bad", "damaged on disk"],
};

export function verificationLabel(verification: Verification): readonly [Tone, string] {
  return VERIFICATION_LABELS[verification];
}

const CLEANUP_LABELS: Readonly<Record<CleanupResponse["next"][number]["reason"], string>> = {
  orphan: "no longer in any Manifest",
  age: "not requested for a long time",
  space: "least valuable",
};

/** Explains why clean-up would remove a file. */
export function cleanupLabel(reason: CleanupResponse["next"][number]["reason"]): string {
  return CLEANUP_LABELS[reason];
}

const FAILURE_LABELS: Readonly<Record<Failure["kind"], string>> = {
  absent: "Not found",
  failed: "Download failed",
  "timed-out": "Sources timed out",
  late: "Response timed out",
  "broken-off": "Transfer interrupted",
};

export function failureLabel(kind: Failure["kind"]): string {
  return FAILURE_LABELS[kind];
}
