/**
 * Draws progress bars: one for the whole and one for each file in progress. They go to standard error, so that a command's
 * output can be piped; if that is no terminal, nothing is drawn.
 */
import { type Bar, MultiBar } from "cli-progress";
import type { Progress } from "../api/action-schemas.ts";
import { formatBytes, formatCount, formatDuration, formatSpeed } from "../lib/format.ts";
import { visible } from "../lib/text.ts";

export interface ProgressView {
  show(progress: Progress): void;
  /** Removes the bars until there is news: other text can be written in their place. */
  clear(): void;
}

export const NO_VIEW: ProgressView = { show: () => undefined, clear: () => undefined };
/** More files than this are counted, but have no bar. */
const MAX_BARS = 8;
const NAME_COLUMNS = 32;
/** Columns of "100%  12.3 MiB/s  12 min 5 s left  12,345/23,456", with spaces. */
const DETAIL_COLUMNS = 50;
/** Terminals of this width have room for longer bars. */
const WIDE = 100;
/** Samples from which the time left is reckoned: those of some seconds. */
const ETA_SAMPLES = 30;
/** The speed is that of the time since the last so many milliseconds: it follows a change within a breath, and does not jump. */
const SPEED_MS = 4000;

type Stream = NodeJS.WriteStream;

/** The text in exactly this many columns: padded, or with its middle left out. */
export function fit(given: string, columns: number, unicode: boolean): string {
  const text = visible(given);
  const width = Bun.stringWidth(text);
  if (width <= columns) return text + " ".repeat(columns - width);
  const keep = columns - 1;
  const head = Math.ceil(keep / 2);
  // Cut by characters: wide ones are rare in names, and then the line is merely a little short or long.
  return `${text.slice(0, head)}${unicode ? "…" : "~"}${text.slice(text.length - (keep - head))}`;
}

/** Measures how fast a count of bytes grows. */
function createSpeed(): (bytes: number) => number {
  let samples: { readonly at: number; readonly bytes: number }[] = [];
  return (bytes) => {
    const at = performance.now();
    samples.push({ at, bytes });
    const inTime = samples.findIndex((one) => at - one.at <= SPEED_MS);
    samples = samples.slice(Math.max(0, inTime - 1));
    const [first] = samples;
    return first && at > first.at ? Math.max(0, ((bytes - first.bytes) / (at - first.at)) * 1000) : 0;
  };
}

/** Formats the time left as cli-progress reckons it, which has words for what it does not know. */
function formatLeft(seconds: unknown): string {
  return typeof seconds === "number" && seconds > 0 ? `${formatDuration(seconds * 1000)} left` : "";
}

function createMultiBar(stream: Stream, barsize: number, unicode: boolean): MultiBar {
  return new MultiBar({
    stream,
    format: "{label} {bar} {percentage}  {speed}  {eta_formatted}  {detail}",
    formatTime: formatLeft,
    formatValue: (value, _, type) => (type === "percentage" ? `${value}%`.padStart(4) : String(value)),
    barCompleteChar: unicode ? "█" : "#",
    barIncompleteChar: unicode ? "░" : "-",
    barsize,
    hideCursor: true,
    clearOnComplete: true,
    linewrap: false,
    fps: 5,
    etaBuffer: ETA_SAMPLES,
    gracefulExit: false,
  });
}

/** What is shown of one thing under way. */
interface Measured {
  readonly label: string;
  readonly at: number;
  readonly end: number;
  readonly bytes: number;
  readonly detail: string;
}

/** A bar with the speed of its bytes. */
interface MeasuredBar {
  readonly bar: Bar;
  show(measured: Measured): void;
}

function createBar(multi: MultiBar): MeasuredBar {
  const speedOf = createSpeed();
  const bar = multi.create(1, 0, { label: "", speed: "", detail: "" });
  return {
    bar,
    show({ label, at, end, bytes, detail }) {
      const speed = speedOf(bytes);
      bar.setTotal(Math.max(1, end));
      bar.update(Math.min(at, Math.max(1, end)), { label, detail, speed: speed > 0 ? formatSpeed(speed) : "" });
    },
  };
}

function measure({ done, total, bytes, total_bytes }: Progress): Omit<Measured, "label"> {
  const counts = total === null ? formatCount(done) : `${formatCount(done)}/${formatCount(total)}`;
  const hasBytes = total_bytes !== null && total_bytes > 0;
  const size = hasBytes ? `of ${formatBytes(total_bytes)}` : bytes > 0 ? formatBytes(bytes) : "";
  const [at, end] = hasBytes ? [bytes, total_bytes] : [done, total ?? 0];
  return { at, end, bytes, detail: [counts, size].filter((part) => part !== "").join(" ") };
}

/** Returns whether it is known how much there is to do, so that a share of it can be shown. */
function isBounded({ total, total_bytes }: Progress): boolean {
  return (total ?? 0) > 0 || (total_bytes ?? 0) > 0;
}

/**
 * @param stream standard error
 * @param unicode whether block characters can be shown
 */
export function createProgressView(stream: Stream, unicode: boolean): ProgressView {
  if (!stream.isTTY) return NO_VIEW;
  const columns = stream.columns ?? 80;
  const barColumns = columns < WIDE ? 8 : 20;
  const nameColumns = Math.max(12, Math.min(NAME_COLUMNS, columns - barColumns - DETAIL_COLUMNS));
  const files = new Map<string, MeasuredBar>();
  // The bars appear with the first news, below what was written before.
  let drawn: { readonly multi: MultiBar; readonly whole: MeasuredBar } | undefined;
  let waiting = "";

  function draw() {
    const multi = createMultiBar(stream, barColumns, unicode);
    return { multi, whole: createBar(multi) };
  }

  function showFiles(active: Progress["active"], multi: MultiBar): void {
    const shown = active.slice(0, MAX_BARS);
    for (const [name, { bar }] of files) {
      if (shown.some((one) => one.name === name)) continue;
      multi.remove(bar);
      files.delete(name);
    }
    for (const { name, bytes, size } of shown) {
      const one = files.get(name) ?? createBar(multi);
      files.set(name, one);
      one.show({
        label: fit(`  ${name}`, nameColumns, unicode),
        at: size === null ? 0 : bytes,
        end: size ?? 0,
        bytes,
        detail: size === null ? formatBytes(bytes) : `of ${formatBytes(size)}`,
      });
    }
  }

  function clear(): void {
    drawn?.multi.stop();
    drawn = undefined;
    files.clear();
    if (waiting !== "") stream.write("\r\u001b[K");
    waiting = "";
  }

  return {
    show(progress) {
      const measured = measure(progress);
      if (!isBounded(progress)) {
        const counted = progress.done > 0 ? `  ${measured.detail}` : "";
        const line = `${progress.step}${unicode ? "…" : "..."}${counted}`;
        if (line === waiting) return;
        clear();
        waiting = line;
        stream.write(visible(line));
        return;
      }
      if (waiting !== "") clear();
      drawn ??= draw();
      drawn.whole.show({ ...measured, label: fit(progress.step, nameColumns, unicode) });
      showFiles(progress.active, drawn.multi);
    },
    clear,
  };
}
