/**
 * Describes states and outcomes from the API in a few words (pure).
 */
import type { FileDetails, Verification } from "../api/file-schemas.ts";
import type {
  CleanupResponse,
  Failure,
  Mirror,
  RepositoriesResponse,
  Status,
  UpstreamRequestReport,
} from "../api/schemas.ts";
import { formatAgo, formatBytes, formatDuration, plural } from "./format.ts";

/** How good or bad something is; each tone has its own colour and icon. */
export type Tone = "good" | "warn" | "bad" | "idle";

export interface Label {
  readonly tone: Tone;
  readonly text: string;
  readonly detail: string;
}

export function healthLabel({ health, uptime_seconds, version }: Status): Label {
  const uptime = `version ${version}, up ${formatDuration(uptime_seconds * 1000)}`;
  if (health.state === "ok") return { tone: "good", text: "Healthy", detail: uptime };
  const detail = health.reason ?? uptime;
  if (health.state === "degraded") {
    const [, what, why = ""] = /^([^:;]*): (.*)$/s.exec(detail) ?? [];
    return what === undefined
      ? { tone: "warn", text: "Working", detail }
      : { tone: "warn", text: `Working, ${what}`, detail: why };
  }
  return { tone: "bad", text: "Unavailable", detail };
}

/** A mirror below this success rate is shown as unreliable. */
const RELIABLE_RATE = 0.9;
/** With fewer requests the success rate says too little. */
const MIN_REQUESTS = 3;
const SOON_MS = 5000;
/** The host answered with Retry-After. */
const WAITING = "Asked to wait";

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

/** Describes the configured mirrors by the worst state among them. */
export function mirrorsLabel(all: readonly Mirror[], now: number): Label {
  const mirrors = all.filter(({ kind }) => kind === "mirror");
  const withTone = (tone: Tone) => mirrors.filter((mirror) => mirrorLabel(mirror, now).tone === tone);
  const names = (list: readonly Mirror[]) => list.map(({ url }) => mirrorName(url)).join(", ");
  const outOf = (list: readonly Mirror[], state: string) => `${list.length} of ${mirrors.length} ${state}`;
  const unavailable = withTone("bad");
  if (unavailable.length > 0)
    return { tone: "bad", text: outOf(unavailable, "unavailable"), detail: names(unavailable) };
  const unreliable = withTone("warn");
  if (unreliable.length > 0) {
    const isWaiting = unreliable.every((mirror) => mirrorLabel(mirror, now).text === WAITING);
    const text = outOf(unreliable, isWaiting ? "asked to wait" : "unreliable");
    return { tone: "warn", text, detail: names(unreliable) };
  }
  const ok = withTone("good");
  if (ok.length === 0) return { tone: "idle", text: plural(mirrors.length, "mirror"), detail: "not used yet" };
  const fastest = ok.toSorted((a, b) => (b.bytes_per_second ?? 0) - (a.bytes_per_second ?? 0))[0];
  const allOk = mirrors.length === 1 ? "OK" : `All ${mirrors.length} OK`;
  return {
    tone: "good",
    text: ok.length === mirrors.length ? allOk : outOf(ok, "OK"),
    detail: fastest ? `fastest: ${mirrorName(fastest.url)}` : "",
  };
}

/** Describes what is wrong with a repository; the text is empty if nothing is. */
export function repositoryLabel(repository: RepositoriesResponse["repositories"][number]): Label {
  const { problem, unreadable, skipped, scanned_at } = repository;
  if (problem !== null) return { tone: "bad", text: "scan failed", detail: problem };
  if (unreadable > 0) {
    return {
      tone: "warn",
      text: `${plural(unreadable, "unreadable Manifest or folder", "unreadable Manifests or folders")}`,
      detail: "",
    };
  }
  if (skipped > 0) return { tone: "warn", text: plural(skipped, "invalid Manifest line"), detail: "" };
  return { tone: scanned_at === null ? "idle" : "good", text: "", detail: "" };
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

/** A file that no source has is not a malfunction. */
export function failureTone(kind: Failure["kind"]): Tone {
  return kind === "absent" ? "idle" : kind === "late" ? "warn" : "bad";
}

const UPSTREAM_LABELS: Readonly<Record<NonNullable<UpstreamRequestReport["outcome"]>, readonly [Tone, string]>> = {
  delivered: ["good", "delivered"],
  absent: ["idle", "not found"],
  different: ["warn", "another file"],
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

/** Describes how full the store is. */
export function storeLabel({ store }: Status): string {
  const { bytes, max_bytes, files } = store;
  if (files === 0) return "empty";
  return max_bytes === null
    ? `${formatBytes(bytes)} in ${plural(files, "file")}`
    : `${formatBytes(bytes)} of ${formatBytes(max_bytes)}, ${plural(files, "file")}`;
}
