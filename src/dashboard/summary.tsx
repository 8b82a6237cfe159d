/**
 * The four answers at a glance: does it work, what does it do now, what did it save, which mirror is bad.
 */
import type { Downloads, Mirrors, Status } from "../api/schemas.ts";
import { formatBytes, formatShare, formatSpeed, plural } from "./format.ts";
import { useContact, useNow } from "./hooks.ts";
import { Sign } from "./parts.tsx";
import { healthVerdict, mirrorsVerdict, type Tone, type Verdict } from "./words.ts";

interface TileProps {
  readonly id: string;
  readonly label: string;
  readonly text: string;
  readonly detail: string;
  readonly tone?: Tone;
}

function Tile({ id, label, text, detail, tone }: TileProps) {
  return (
    <div class={`tile ${tone ?? ""}`} id={id}>
      <dt>{label}</dt>
      <dd>
        <strong>
          {tone === undefined ? null : <Sign tone={tone} />}
          {text}
        </strong>
        <span class="detail">{detail}</span>
      </dd>
    </div>
  );
}

const UNKNOWN: Verdict = { tone: "idle", text: "…", detail: "" };
const GONE: Verdict = { tone: "bad", text: "Does not answer", detail: "what you see is as it was last" };

function activity(status: Status | undefined, downloads: Downloads | undefined): Verdict {
  const list = downloads?.downloads ?? [];
  const speed = list.reduce((sum, { bytes_per_second }) => sum + bytes_per_second, 0);
  const waiting = status?.downloads.waiting ?? 0;
  const requests = plural(status?.in_flight ?? 0, "request");
  const detail = `${requests} under way${waiting > 0 ? `, ${plural(waiting, "download")} waiting` : ""}`;
  const total = downloads?.total ?? 0;
  if (total === 0) return { tone: "idle", text: status?.in_flight ? "Serving" : "Quiet", detail };
  return { tone: "good", text: `${plural(total, "download")}, ${formatSpeed(speed)}`, detail };
}

function saving({ all_time, since_start }: Status): Verdict {
  if (all_time.hit_ratio === null) {
    return { tone: "idle", text: "Nothing yet", detail: "no file was asked for so far" };
  }
  const ratio = formatShare(since_start.hit_ratio ?? all_time.hit_ratio);
  const when = since_start.hit_ratio === null ? "hits" : "hits since start";
  return { tone: "good", text: formatBytes(all_time.bytes_saved), detail: `not fetched again; ${ratio} ${when}` };
}

interface SummaryProps {
  readonly status: Status | undefined;
  readonly downloads: Downloads | undefined;
  readonly mirrors: Mirrors | undefined;
}

export function Summary({ status, downloads, mirrors }: SummaryProps) {
  const now = useNow();
  const gone = useContact().state === "gone";
  const health = gone ? GONE : status ? healthVerdict(status) : UNKNOWN;
  const busy = status ? activity(status, downloads) : UNKNOWN;
  const saved = status ? saving(status) : UNKNOWN;
  const places = mirrors ? mirrorsVerdict(mirrors.mirrors, now) : UNKNOWN;
  return (
    <dl class="tiles">
      <Tile id="health" label="Does it work?" {...health} />
      <Tile id="activity" label="What is it doing?" text={busy.text} detail={busy.detail} />
      <Tile id="saved" label="What did it save?" text={saved.text} detail={saved.detail} />
      <Tile id="places" label="How are the mirrors?" {...places} />
    </dl>
  );
}
