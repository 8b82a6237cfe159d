/**
 * Shows four tiles: health, activity, bandwidth saved, and mirrors.
 */
import type { DownloadsResponse, MirrorsResponse, Status } from "../api/schemas.ts";
import { Breakable, StatusIcon } from "./components.tsx";
import { formatBytes, formatCount, formatPercent, formatSpeed, plural } from "./format.ts";
import { useConnection, useNow } from "./hooks.ts";
import { healthLabel, type Label, mirrorsLabel, type Tone } from "./labels.ts";
import { pageHash } from "./route.ts";

interface TileProps {
  readonly id: string;
  readonly label: string;
  readonly text: string;
  readonly detail: string;
  readonly tone?: Tone;
  /** A page, as pageHash() returns it, or the id of a panel on this page. */
  readonly target: string;
}

/** Scrolls to a panel of this page and moves the focus there. */
function show(id: string): void {
  const panel = document.getElementById(id);
  panel?.scrollIntoView({ block: "start" });
  panel?.querySelector("h2")?.focus();
}

function Tile({ id, label, text, detail, tone, target }: TileProps) {
  const content = (
    <>
      {tone === undefined ? null : <StatusIcon tone={tone} />}
      {text}
    </>
  );
  return (
    <div class={`tile ${tone ?? ""}`} id={id}>
      <dt>{label}</dt>
      <dd>
        <strong title={text}>
          {target.startsWith("#") ? (
            <a href={target}>{content}</a>
          ) : (
            <button type="button" onClick={() => show(target)}>
              {content}
            </button>
          )}
        </strong>
        <span class="detail" title={detail}>
          <Breakable text={detail} />
        </span>
      </dd>
    </div>
  );
}

const UNKNOWN: Label = { tone: "idle", text: "…", detail: "" };
const OFFLINE: Label = { tone: "bad", text: "Not responding", detail: "showing the last known state" };

function activity(
  status: Status | undefined,
  downloads: DownloadsResponse | undefined,
): Pick<Label, "text" | "detail"> {
  const speed = (downloads?.downloads ?? []).reduce((sum, { bytes_per_second }) => sum + bytes_per_second, 0);
  const total = downloads?.total ?? 0;
  const waiting = status?.downloads.waiting ?? 0;
  const requests = plural(status?.in_flight ?? 0, "request");
  const details = [
    ...(total > 0 ? [formatSpeed(speed)] : []),
    ...(waiting > 0 ? [`${formatCount(waiting)} waiting`] : []),
    `${requests} in progress`,
  ];
  const text = total > 0 ? plural(total, "download") : status?.in_flight ? "Serving" : "Idle";
  return { text, detail: details.join(", ") };
}

function savings({ all_time, since_start }: Status): Label {
  const text = formatBytes(all_time.bytes_saved);
  if (all_time.hit_ratio === null) return { tone: "idle", text, detail: "no requests yet" };
  const ratio = formatPercent(since_start.hit_ratio ?? all_time.hit_ratio);
  const since = since_start.hit_ratio === null ? "" : " since start";
  return { tone: "good", text, detail: `${ratio} hit ratio${since}` };
}

interface SummaryProps {
  readonly status: Status | undefined;
  readonly downloads: DownloadsResponse | undefined;
  readonly mirrors: MirrorsResponse | undefined;
}

export function Summary({ status, downloads, mirrors }: SummaryProps) {
  const now = useNow();
  const offline = useConnection().state === "offline";
  const health = offline ? OFFLINE : status ? healthLabel(status) : UNKNOWN;
  const current = status ? activity(status, downloads) : UNKNOWN;
  const saved = status ? savings(status) : UNKNOWN;
  const worst = mirrors ? mirrorsLabel(mirrors.mirrors, now) : UNKNOWN;
  return (
    <dl class="tiles">
      <Tile id="health" label="Status" target={pageHash("store")} {...health} />
      <Tile id="activity" label="Activity" target="downloads" text={current.text} detail={current.detail} />
      <Tile id="saved" label="Bandwidth saved" target="traffic" text={saved.text} detail={saved.detail} />
      <Tile id="mirror-health" label="Mirrors" target={pageHash("mirrors")} {...worst} />
    </dl>
  );
}
