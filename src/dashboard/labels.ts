/**
 * Describes states and outcomes from the API in a few words (pure).
 */
import type { RequestReport } from "../api/request-schemas.ts";
import type { Mirror, RepositoriesResponse, Status } from "../api/schemas.ts";
import { type Label, mirrorName, mirrorLabel as plainMirrorLabel, type Tone, WAITING } from "../status/labels.ts";
import { formatBytes, formatDuration, plural, unbroken } from "./format.ts";

export {
  cleanupLabel,
  downloadLabel,
  failureLabel,
  type Label,
  mirrorName,
  type Tone,
  upstreamLabel,
  verificationLabel,
} from "../status/labels.ts";

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

export function mirrorLabel(mirror: Mirror, now: number): Label {
  const label = plainMirrorLabel(mirror, now);
  return { ...label, detail: unbroken(label.detail) };
}

/** Describes the configured mirrors by the worst state among them. */
export function mirrorsLabel(all: readonly Mirror[], now: number): Label {
  const mirrors = all.filter(({ kind }) => kind === "mirror");
  const withTone = (tone: Tone) => mirrors.filter((mirror) => mirrorLabel(mirror, now).tone === tone);
  const names = (list: readonly Mirror[]) => list.map(({ url }) => mirrorName(url)).join(", ");
  const outOf = (list: readonly Mirror[], state: string) => `${list.length} of ${mirrors.length} ${state}`;
  const unavailable = withTone("bad");
  if (unavailable.length === mirrors.length && mirrors.length > 1) {
    return { tone: "bad", text: `All ${mirrors.length} unavailable`, detail: "new files cannot be fetched" };
  }
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

/** Says that no configured mirror can be asked now, and when one is tried again; undefined while one can. */
export function allMirrorsDown(all: readonly Mirror[], now: number): string | undefined {
  const mirrors = all.filter(({ kind }) => kind === "mirror");
  const down = mirrors.filter((mirror) => mirrorLabel(mirror, now).tone === "bad");
  if (mirrors.length === 0 || down.length < mirrors.length) return undefined;
  const first = down.toSorted((a, b) => timeOf(a) - timeOf(b))[0];
  const which = mirrors.length === 1 ? "The mirror is" : `All ${mirrors.length} mirrors are`;
  const retry = first ? `, ${mirrorLabel(first, now).detail}` : "";
  return `${which} unavailable${retry}: stored files are served, new ones come from SRC_URI alone, if at all`;
}

function timeOf({ open_until }: Mirror): number {
  return open_until === null ? 0 : Date.parse(open_until);
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

/** Describes how full the store is. */
export function storeLabel({ store }: Status): string {
  const { bytes, max_bytes, files } = store;
  if (files === 0) return "empty";
  return max_bytes === null
    ? `${formatBytes(bytes)} in ${plural(files, "file")}`
    : `${formatBytes(bytes)} of ${formatBytes(max_bytes)}, ${plural(files, "file")}`;
}

type Outcome = RequestReport["outcome"];

const OUTCOME_LABELS: Readonly<Record<Outcome, readonly [Tone, string]>> = {
  hit: ["good", "hit"],
  joined: ["good", "joined"],
  miss: ["idle", "miss"],
  absent: ["warn", "not found"],
  failed: ["bad", "failed"],
  refused: ["bad", "refused"],
  other: ["idle", "no file"],
};

export const OUTCOMES = Object.keys(OUTCOME_LABELS) as readonly Outcome[];

/** Describes what came of a request. */
export function outcomeLabel(outcome: Outcome): readonly [Tone, string] {
  return OUTCOME_LABELS[outcome];
}
