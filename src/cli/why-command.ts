/**
 * Prints for `portcache why FILE` what became of a file: who wants it, where it was asked for and what came, whether it is here, and why
 * it went. From the server on the store, else from the index that the last one left.
 */
import { type FileDetails, FileDetailsSchema } from "../api/file-schemas.ts";
import { type RequestReport, RequestsSchema } from "../api/request-schemas.ts";
import type { LoadedConfig } from "../config/load.ts";
import { type FileName, parseFileName } from "../distfile/mirror-path.ts";
import { formatAgo, formatBytes, formatElapsed, formatMilliseconds, plural } from "../lib/format.ts";
import { shown } from "../lib/text.ts";
import { cleanupLabel, downloadLabel, failureLabel, upstreamLabel, verificationLabel } from "../status/labels.ts";
import { readStoredFile } from "../status/stored-file-report.ts";
import { requireStore } from "../store/require-store.ts";
import { wrongValue } from "./args.ts";
import { EXIT_FAILED } from "./exit.ts";
import { alignColumns, type Output } from "./output.ts";
import { readFromServer } from "./server-client.ts";

type Download = FileDetails["fetch_history"][number];
type Block = readonly [label: string, lines: readonly string[]];

const STYLES = { good: "green", warn: "yellow", bad: "red", idle: "dim" } as const;
/** What is shown of long lists; --json has more. */
const SHOWN_PACKAGES = 8;
const SHOWN_DOWNLOADS = 3;
const SHOWN_REQUESTS = 5;

/** What the command prints about a file. */
interface WhyReport extends FileDetails {
  /** The latest requests for it; null where no server runs, or none are kept. */
  readonly requests: readonly RequestReport[] | null;
}

/** What times and colours are shown by. */
interface Formats {
  readonly now: number;
  readonly paint: Output["paint"];
}

/** "3 h ago, 2026-12-01 09:26:48", in the time of this machine. */
function when(instant: string, now: number): string {
  const date = new Date(instant);
  const two = (value: number) => String(value).padStart(2, "0");
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${formatAgo(instant, now)}, ${day} ${[date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(":")}`;
}

function wantedBy({ packages }: FileDetails): readonly string[] {
  const lines = packages.map((one) => `${one.repository}: ${one.package} (${formatBytes(one.size)})`);
  const more = lines.length - SHOWN_PACKAGES;
  return more > 1 ? [...lines.slice(0, SHOWN_PACKAGES), `and ${more} more`] : lines;
}

function stored({ stored: file }: FileDetails, { now, paint }: Formats): readonly Block[] {
  if (!file) return [];
  const [tone, text] = verificationLabel(file.verification);
  return [
    ["Stored", [`${formatBytes(file.size)}, ${paint(STYLES[tone], text)}`, when(file.stored_at, now), file.path]],
    ["From", file.source === null ? ["found on disk"] : [shown(file.source)]],
    ["Used", file.uses === 0 ? ["not yet"] : [`${plural(file.uses, "time")}, the last ${when(file.used_at, now)}`]],
  ];
}

function download({ started_at, ended_at, outcome, upstream_requests }: Download, { now, paint }: Formats): string[] {
  const took = ended_at === null ? "" : ` in ${formatElapsed(Date.parse(ended_at) - Date.parse(started_at))}`;
  const rows = upstream_requests.map(({ source, outcome: result, bytes, first_byte_ms, duration_ms }) => {
    const [tone, text] = upstreamLabel(result);
    const first = first_byte_ms === null ? "" : `first byte after ${formatMilliseconds(first_byte_ms)}`;
    const amount = bytes === 0 ? "" : `${formatBytes(bytes)} in ${formatElapsed(duration_ms)}`;
    // Sources last: some are longer than a line.
    const figures = [amount, first].filter((part) => part !== "").join(", ");
    return [`  ${paint(STYLES[tone], text)}`, figures === "" ? "-" : figures, shown(source)];
  });
  return [`${downloadLabel(outcome)}${took}, ${when(started_at, now)}`, ...alignColumns(rows)];
}

function failures({ failures: all }: FileDetails, { now }: Formats): readonly string[] {
  return all.flatMap(({ kind, reason, count, last_at }) => {
    const often = count === 1 ? "" : ` ${plural(count, "time")}`;
    return [
      `${failureLabel(kind)}${often}, ${when(last_at, now)}`,
      ...reason.split("\n").map((line) => `  ${shown(line)}`),
    ];
  });
}

function requests({ requests: all }: WhyReport, { now }: Formats): readonly string[] {
  return (all ?? []).slice(0, SHOWN_REQUESTS).map(({ client, outcome, bytes, at }) => {
    const sent = bytes > 0 ? `, ${formatBytes(bytes)}` : "";
    return `${shown(client)}: ${outcome}${sent}, ${when(at, now)}`;
  });
}

const REMOVED = { dropped: "on request", damaged: "its bytes were wrong" } as const;

function removed({ removed: last }: FileDetails, { now }: Formats): readonly string[] {
  if (!last) return [];
  const { reason } = last;
  return [
    `${reason === "dropped" || reason === "damaged" ? REMOVED[reason] : cleanupLabel(reason)}, ${when(last.at, now)}`,
  ];
}

function render(details: WhyReport, formats: Formats): string {
  const { paint } = formats;
  const { name, summary, packages, fetch_history, by_hand: byHand } = details;
  const blocks: readonly Block[] = [
    ["Wanted by", packages.length === 0 ? ["no package of an ebuild repository"] : wantedBy(details)],
    ...stored(details, formats),
    ["Requests", requests(details, formats)],
    ["Downloads", fetch_history.slice(0, SHOWN_DOWNLOADS).flatMap((one) => download(one, formats))],
    ["Failures", failures(details, formats)],
    ["Removed", removed(details, formats)],
    ["By hand", byHand === null ? [] : [...byHand.uris, ...byHand.homepages].map(shown)],
  ];
  const rows = blocks.flatMap(([label, lines]) => lines.map((line, i) => [i === 0 ? label : "", line]));
  return [paint("bold", shown(name)), `  ${summary}`, "", ...alignColumns(rows).map((line) => `  ${line}`)].join("\n");
}

/** @throws {NoStoreError} */
async function storyOf(location: string, name: FileName): Promise<WhyReport | undefined> {
  const { signal } = new AbortController();
  const path = `/api/v1/files/${encodeURIComponent(name)}`;
  const live = await readFromServer(location, path, FileDetailsSchema, signal);
  if (live) {
    const query = `/api/v1/requests?limit=50&file=${encodeURIComponent(name)}`;
    const asked = await readFromServer(location, query, RequestsSchema, signal);
    // The filter takes whatever begins with the name.
    return { ...live, requests: asked?.recorded ? asked.requests.filter(({ file }) => file === name) : null };
  }
  requireStore(location);
  const left = await readStoredFile(location, name);
  return left && { ...left, requests: null };
}

/**
 * @returns the exit code: 1 if one of the files is not stored
 * @throws {UsageError}
 * @throws {ServerUnreachableError} when a server runs but cannot be asked
 * @throws {NoStoreError} when there is neither a server nor a store
 */
export async function why(
  { config }: LoadedConfig,
  files: readonly string[],
  json: boolean,
  output: Output,
  now: number,
): Promise<number> {
  const names = files.map((file) => {
    const name = parseFileName(file);
    if (name === undefined) throw wrongValue("FILE", file, "the name of a distfile, or the path of a mirror file");
    return name;
  });
  const all: WhyReport[] = [];
  for (const name of new Set(names)) {
    const details = await storyOf(config.storage.location, name);
    if (!details) {
      output.err("portcache: no server of this version has run on the store yet, so nothing is known of its files");
      return EXIT_FAILED;
    }
    all.push(details);
  }
  const formats = { now, paint: output.paint };
  output.out(json ? JSON.stringify(all, null, 2) : all.map((one) => render(one, formats)).join("\n\n"));
  return all.every(({ state }) => state === "stored" || state === "downloading") ? 0 : EXIT_FAILED;
}
