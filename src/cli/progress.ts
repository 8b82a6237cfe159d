/**
 * How far something is, for people who look at a terminal: a bar for the whole and one for each file under way.
 * Drawn on standard error, so that what a command prints can be piped; where that is no terminal nothing is drawn.
 */
import { type Bar, MultiBar } from "cli-progress";
import type { Progress } from "../api/action-schemas.ts";
import { formatBytes, formatCount } from "../lib/format.ts";

export interface ProgressView {
  show(progress: Progress): void;
  /** Takes the bars away. */
  stop(): void;
}

export const NO_VIEW: ProgressView = { show: () => undefined, stop: () => undefined };
/** More files at once are only counted. */
const MOST_BARS = 8;
const NAME_COLUMNS = 32;
/** "12,345/23,456  123 MiB of 456 MiB", and blanks. */
const DETAIL_COLUMNS = 38;
const WIDE = 100;

type Stream = NodeJS.WriteStream;

/** The text in exactly so many columns, its middle left out where it is longer. */
export function fit(text: string, columns: number, unicode: boolean): string {
  const width = Bun.stringWidth(text);
  if (width <= columns) return text + " ".repeat(columns - width);
  const keep = columns - 1;
  const head = Math.ceil(keep / 2);
  // By characters: what is wider than one column is rare in names, and then the line is a little short or long.
  return `${text.slice(0, head)}${unicode ? "…" : "~"}${text.slice(text.length - (keep - head))}`;
}

function amount({ bytes, total_bytes }: Progress): string {
  if (total_bytes !== null && total_bytes > 0) return `${formatBytes(bytes)} of ${formatBytes(total_bytes)}`;
  return bytes > 0 ? formatBytes(bytes) : "";
}

function createMultiBar(stream: Stream, barsize: number, unicode: boolean): MultiBar {
  return new MultiBar({
    stream,
    format: "{label} {bar} {detail}",
    barCompleteChar: unicode ? "█" : "#",
    barIncompleteChar: unicode ? "░" : "-",
    barsize,
    hideCursor: true,
    clearOnComplete: true,
    linewrap: false,
    fps: 5,
    gracefulExit: false,
  });
}

/**
 * @param stream standard error
 * @param unicode whether block characters can be shown
 */
export function createProgressView(stream: Stream, unicode: boolean): ProgressView {
  if (!stream.isTTY) return NO_VIEW;
  const columns = stream.columns ?? 80;
  const barColumns = columns < WIDE ? 12 : 20;
  const nameColumns = Math.max(12, Math.min(NAME_COLUMNS, columns - barColumns - DETAIL_COLUMNS));
  const files = new Map<string, Bar>();
  // Drawn from the first news on: what is told before that stands above.
  let begun: { readonly multi: MultiBar; readonly whole: Bar } | undefined;

  function begin() {
    const multi = createMultiBar(stream, barColumns, unicode);
    return { multi, whole: multi.create(1, 0, { label: fit("", nameColumns, unicode), detail: "" }) };
  }

  function showFiles(active: Progress["active"], multi: MultiBar): void {
    const shown = active.slice(0, MOST_BARS);
    for (const [name, bar] of files) {
      if (shown.some((one) => one.name === name)) continue;
      multi.remove(bar);
      files.delete(name);
    }
    for (const { name, bytes, size } of shown) {
      const detail = size === null ? formatBytes(bytes) : `${formatBytes(bytes)} of ${formatBytes(size)}`;
      const payload = { label: fit(`  ${name}`, nameColumns, unicode), detail };
      const bar = files.get(name) ?? multi.create(1, 0, payload);
      files.set(name, bar);
      bar.setTotal(Math.max(1, size ?? 1));
      bar.update(size === null ? 0 : Math.min(bytes, size), payload);
    }
  }

  return {
    show(progress) {
      begun ??= begin();
      const { step, done, total, bytes, total_bytes, active } = progress;
      const counts = total === null ? formatCount(done) : `${formatCount(done)}/${formatCount(total)}`;
      const [at, end] = total_bytes !== null && total_bytes > 0 ? [bytes, total_bytes] : [done, total ?? 0];
      begun.whole.setTotal(Math.max(1, end));
      begun.whole.update(Math.min(at, Math.max(1, end)), {
        label: fit(step, nameColumns, unicode),
        detail: [counts, amount(progress)].filter((part) => part !== "").join("  "),
      });
      showFiles(active, begun.multi);
    },
    stop() {
      begun?.multi.stop();
    },
  };
}
