/**
 * Draws progress bars: one for the whole and one for each file in progress. They go to standard error, so that a command's
 * output can be piped; if that is no terminal, nothing is drawn.
 */
import { type Bar, MultiBar } from "cli-progress";
import type { Progress } from "../api/action-schemas.ts";
import { formatBytes, formatCount } from "../lib/format.ts";
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
/** Columns of "12,345/23,456  123 MiB of 456 MiB", with spaces. */
const DETAIL_COLUMNS = 38;
/** Terminals of this width have room for longer bars. */
const WIDE = 100;

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
  // The bars appear with the first news, below what was written before.
  let drawn: { readonly multi: MultiBar; readonly whole: Bar } | undefined;

  function draw() {
    const multi = createMultiBar(stream, barColumns, unicode);
    return { multi, whole: multi.create(1, 0, { label: fit("", nameColumns, unicode), detail: "" }) };
  }

  function showFiles(active: Progress["active"], multi: MultiBar): void {
    const shown = active.slice(0, MAX_BARS);
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
      drawn ??= draw();
      const { step, done, total, bytes, total_bytes, active } = progress;
      const counts = total === null ? formatCount(done) : `${formatCount(done)}/${formatCount(total)}`;
      const [at, end] = total_bytes !== null && total_bytes > 0 ? [bytes, total_bytes] : [done, total ?? 0];
      drawn.whole.setTotal(Math.max(1, end));
      drawn.whole.update(Math.min(at, Math.max(1, end)), {
        label: fit(step, nameColumns, unicode),
        detail: [counts, amount(progress)].filter((part) => part !== "").join("  "),
      });
      showFiles(active, drawn.multi);
    },
    clear() {
      drawn?.multi.stop();
      drawn = undefined;
      files.clear();
    },
  };
}
