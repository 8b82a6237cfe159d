/**
 * Lists every regular expression that reads text of others, with its worst input, and times it: one event loop serves all clients, so
 * none may take more than linear time. One that is new in src/ has to be added here.
 */

import { expect, test } from "bun:test";
import { globSync, readFileSync } from "node:fs";
import { MAX_NAME_BYTES } from "../distfile/name.ts";
import { MAX_LOGGED } from "../lib/log.ts";
import { MAX_DIST_LINE_CHARACTERS } from "../repos/formats/manifest.ts";
import { startProcessorTime } from "../testing/processor-time.ts";
import { regularExpressionsIn } from "../testing/regular-expressions.ts";
import { MAX_FIELD_CHARACTERS } from "../upstream/request.ts";

const MIB = 1024 * 1024;
/** Of processor time, for an input of 1 MiB or of the length that the text is cut to before. */
const MAX_MS = 20;

/** Files whose expressions read nothing but text of this machine's admin, of its system, or our own. */
const OWN: Readonly<Record<string, string>> = {
  "src/cli/args.ts": "messages of commander",
  "src/cli/program.ts": "messages of commander",
  "src/cli/check-command.ts": "JSON of our own",
  "src/cli/client-command.ts": "the admin's arguments",
  "src/cli/client-mirrors-file.ts": "the admin's /etc/portage/mirrors",
  "src/cli/manual.ts": "our own options",
  "src/config/checks.ts": "the configuration",
  "src/config/kinds.ts": "the configuration",
  "src/config/toml.ts": "the configuration",
  "src/config/units.ts": "the configuration",
  "src/dashboard/action-reports.ts": "read in the browser",
  "src/dashboard/chart-data.ts": "read in the browser",
  "src/dashboard/format.ts": "read in the browser",
  "src/dashboard/labels.ts": "read in the browser",
  "src/dashboard/route.ts": "read in the browser",
  "src/http/api/openapi.ts": "our own routes",
  "src/http/dashboard.ts": "our own files",
  "src/index/open.ts": "messages of SQLite",
  "src/lib/day-hours.ts": "the configuration",
  "src/repos/sandbox/processes.ts": "/proc",
  "src/repos/sandbox/programs.ts": "the system's programs",
  "src/repos/sync/sync-repository.ts": "our own dates",
  "src/repos/sync/versions.ts": "our own folders",
  "src/server/machine-doubts.ts": "the configuration",
  "src/server/open-files.ts": "/proc",
  "src/server/own-address.ts": "addresses of this machine",
  "src/server/port-holder.ts": "/proc",
  "src/setup/accounts.ts": "messages of the system's programs",
  "src/setup/manual/command-line.ts": "our own manual",
  "src/setup/manual/command-page.ts": "our own manual",
  "src/setup/manual/complete-bash.ts": "our own manual",
  "src/setup/manual/complete-fish.ts": "our own manual",
  "src/setup/manual/complete-zsh.ts": "our own manual",
  "src/setup/manual/mdoc.ts": "our own manual",
  "src/setup/record.ts": "our own record",
  "src/status/labels.ts": "URLs of mirrors",
  "src/status/metrics.ts": "/proc",
  "src/upstream/proxy.ts": "the environment",
};
/** Worst input: a start, what is repeated, an end; and the length that the text is cut to before, where it is. */
type Row = readonly [pattern: RegExp, start: string, repeated: string, end: string, limit?: number];
const FOREIGN: Readonly<Record<string, readonly Row[]>> = {
  "src/actions/fetch-arguments.ts": [[/^([A-Za-z0-9_][\w.+-]*)\/([A-Za-z0-9_][\w+-]*)$/, "a/", "a", "!"]],
  "src/actions/fetch-input.ts": [
    [/^[a-z][a-z0-9+.-]*:\/\/\S+$/i, "a://", "a", " "],
    [/\/distfiles\//, "", "/distfiles", ""],
    [/[?#]/, "", "a", ""],
  ],
  "src/actions/fetch.ts": [[/\.$/, "", ".", "a"]],
  "src/actions/import-folder.ts": [
    [/^[0-9a-f]{1,4}$/i, "", "0", ""],
    [/\.__download__$|\._checksum_failure_\.|\.portage_lockfile$|^\.__portage_|^layout\.conf$/, "", ".", ""],
  ],
  "src/api/queries.ts": [
    [/^\d{1,9}$/, "", "0", ""],
    [/^\d{1,16}$/, "", "0", ""],
    [/^[^/]+\/[^/]+$/, "", "a", "/", 255],
  ],
  "src/cache/mirror-files/freshness.ts": [
    [
      /([!#$%&'*+.^_`|~0-9A-Za-z-]+)(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^",\s]*)))?/g,
      'a="',
      "\\a",
      "",
      MAX_FIELD_CHARACTERS,
    ],
    [/\\(.)/g, "", "\\", ""],
    [/\bno-cache\b/i, "", "no-", ""],
    [/^\d+$/, "", "0", "a"],
    [/(?:^|[^0-9])20\d{2}(?:0[1-9]|1[0-2])(?:[0-2]\d|3[01])(?![0-9])/, "", "2012", ""],
  ],
  "src/cache/mirror-files/http-metadata.ts": [[/^\d+$/, "", "0", "a"]],
  "src/cli/output.ts": [
    [/utf-?8/i, "", "utf-", ""],
    // biome-ignore lint/suspicious/noControlCharactersInRegex: as in output.ts
    [/(\u001b\[\d{1,3}m)/, "", "\u001b[", ""],
  ],
  "src/cli/requests-command.ts": [[/^[^/]+\/[^/]+$/, "a/", "a", "/"]],
  "src/distfile/digest-file.ts": [
    [
      /^([0-9a-fA-F]{32,128})[ \t]+\*?(\S+)$/,
      "00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000",
      "\t",
      "\n",
    ],
    [/^#\s*(\w+)\s+HASH\b/, "#a", " ", "!"],
    [/\r?\n/, "", "\r", ""],
  ],
  "src/distfile/layout.ts": [
    [/\s+/, "a", " ", "b"],
    [/^\d{1,3}$/, "", "0", ""],
    [/[=:]/, "", "a", ""],
    [/^\uFEFF/, "", "a", ""],
    [/^[#;]/, "", "a", ""],
    [/^\[([^\]]+)\]/, "[", "a", ""],
  ],
  "src/distfile/mirror-path.ts": [
    [/\.(?:md5sum|umd5sum|sha256|sha512|gpgsig|sig|asc|DIGESTS|CONTENTS(?:\.gz|\.xz)?)$/, "", ".", ""],
  ],
  "src/distfile/name.ts": [
    // biome-ignore lint/suspicious/noControlCharactersInRegex: as in name.ts
    [/[/\u0000-\u001f\u007f-\u009f]/, "", "a", ""],
  ],
  "src/fetch/check-headers.ts": [
    [/^(?:x-)?gzip$/, "", "x-", ""],
    [/\.(?:t?gz|taz|tz|svgz|crate)(?:\.|$)/i, "", ".tgz", "!"],
    [/^(?:x-)?compress$/, "", "x-", ""],
    [/\.(?:t?z|taz)(?:\.|$)/i, "", ".tz!", "!"],
    [/^(?:x-)?bzip2$/, "", "x-", ""],
    [/\.t?bz2?(?:\.|$)/i, "", ".tbz2", "!"],
    [/^(?:x-)?xz$/, "", "x-", ""],
    [/\.t?xz(?:\.|$)/i, "", ".txz", "!"],
    [/^(?:x-)?lzma$/, "", "x-", ""],
    [/\.(?:lzma|tlz)(?:\.|$)/i, "", ".tlz!", "!"],
    [/^zstd$/, "", "zstd", ""],
    [/\.t?zst(?:\.|$)/i, "", ".tzst!", "!"],
    [/^br$/, "", "br", ""],
    [/\.t?br(?:\.|$)/i, "", ".br!", "!"],
    [/^text\/html\b/i, "", "text/", ""],
    [/\.x?html?$/i, "", ".xhtm", ""],
  ],
  "src/http/allow.ts": [
    [/^::ffff:(?=\d+\.)/i, "::ffff:", "1", "!"],
    [/^0+(?=.)/, "", "0", "\n"],
  ],
  "src/http/api/api.ts": [[/\btext\/event-stream\b/i, "", "text/", ""]],
  "src/http/api/guard.ts": [
    [/\](:\d*)?$/, "", "]:1", "!"],
    [/:\d*$/, "", ":1", "!"],
    [/\.$/, "", ".", "a"],
    [/^https?:$/, "", "http", "!"],
    [/^bearer +(\S+) *$/i, "bearer a", " ", "a"],
    [/^application\/json\s*(;|$)/i, "application/json", " ", "x"],
  ],
  "src/http/api/post.ts": [[/\bapplication\/x-ndjson\b/i, "", "application/", ""]],
  "src/http/api/problem.ts": [
    [/^Invalid [a-z ]+: Expected (.*) but received (.*)$/s, "Invalid a: Expected ", " but received", ""],
  ],
  "src/http/api/upload.ts": [[/^\d{1,15}$/, "", "0", ""]],
  "src/http/client-address.ts": [
    [/^\[([0-9a-f:.]+)\](?::\d{1,5})?$/i, "[", "0", "", 4 * 1024],
    [/:\d{1,5}$/, "", ":1", "!", 4 * 1024],
    [/^\s*for\s*=/i, "for", " ", "!", 4 * 1024],
    [/^"(.*)"$/, '"', "a", "", 4 * 1024],
  ],
  "src/http/conditional.ts": [
    [/"[^"]*"/g, "", '"a', ""],
    [/W\/"[^"]*"/g, "", 'W/"', ""],
  ],
  "src/http/own-origin.ts": [[/^(?:[\w.-]{1,255}|\[[\da-f:.]{2,45}\])(?::\d{1,5})?$/i, "", "a", "!"]],
  "src/http/ranges.ts": [[/^\s*bytes\s*=\s*(?:(\d+)\s*)?-(?:\s*(\d+))?\s*$/i, "bytes=0-", " ", "x"]],
  "src/http/target.ts": [
    [/[?#].*$/s, "", "a", ""],
    [/\/{2,}/g, "", "//a", ""],
    [/#.*$/s, "", "a", ""],
    [/^[0-9a-f]{128}$/i, "", "0", ""],
  ],
  "src/index/file-list.ts": [[/[\\%_]/g, "", "%", ""]],
  "src/index/package-search.ts": [[/[\\%_]/g, "", "%", ""]],
  "src/lib/error-reason.ts": [
    [/"([^"]*)"$/, "", '"a', "!"],
    [/^SQLITE_[A-Z]+/, "SQLITE_", "A", ""],
    [/^E[A-Z0-9]+: /, "E", "A", ""],
    [/, \w+ '/, "", ", a", ""],
    [/, \w+$/, "", ", a", "!"],
    [/ fetching ".*?"/, "", ' fetching "\n', ""],
    [/\.? For more information, pass .*$/, "", " For more information, pass \n", ""],
    [/^JSON Parse error: /, "", "JSON", ""],
  ],
  "src/lib/log.ts": [
    [/\{(\w+)\}/, "", "{a", ""],
    [/[{}]/, "", "a", ""],
    [/^\s+at /, "", " ", "x"],
  ],
  "src/lib/text.ts": [
    [/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{DI}]/gu, "", "\u200b", "", MAX_LOGGED],
    [/\s+/g, "", " a", ""],
    [/\s+/, "a", " ", "b"],
  ],
  "src/lib/url.ts": [
    [
      /([?&;](?:[a-z0-9]+[-_]){0,3}(?:token|secret|signature|sig|password|passwd|credential|auth|apikey|api[-_]key)=)[^&;#\s]+/gi,
      "?",
      "a-a-a-a",
      "?",
    ],
    [/([a-z0-9+.-]:[/\\]+)[^/\\?#\s]*@/gi, "", "a:/", ""],
    [/^(?:https?|git|ssh|rsync|file):\/\/\S+$/i, "http://", "a", " "],
    [/^[\w.-]+@[\w.-]+:\S+$/, "a@", "a", ""],
  ],
  "src/mirrors/mirrors.ts": [[/[!'()*]/g, "", "(", ""]],
  "src/repos/discover.ts": [[/^\w[\w-]*$/, "", "a", "!"]],
  "src/repos/ebuilds.ts": [[/^\d[\w.-]*$/, "", "0", "!"]],
  "src/repos/evaluate.ts": [
    [
      /(?:Cannot allocate memory|Resource temporarily unavailable|No space left on device|Too many open files in system|Input\/output error|Stale file handle|Disk quota exceeded)|\.eclass: Permission denied/,
      "",
      "No space left on devicE",
      "",
    ],
  ],
  "src/repos/formats/ebuild-eapi.ts": [
    [/^[ \t]*(?:#.*)?$/, "", " ", "!"],
    [/^[ \t]*EAPI=(['"]?)([A-Za-z0-9+_.-]*)\1[ \t]*(?:[ \t]#.*)?$/, "EAPI=1", " ", "!"],
    [/^[0-9]$/, "", "0", ""],
    [
      /^([A-Za-z0-9_][A-Za-z0-9+_-]*)-(\d+(?:\.\d+)*[a-z]?(?:_(?:alpha|beta|pre|rc|p)\d*)*)(?:-(r\d+))?$/,
      "a-1",
      "_p1",
      "!",
      MAX_NAME_BYTES,
    ],
  ],
  "src/repos/formats/manifest.ts": [
    [
      /^DIST (\S+) (\d+) BLAKE2B ([0-9a-f]{128}) SHA512 ([0-9a-f]{128})$/,
      "DIST a ",
      "0",
      "!",
      MAX_DIST_LINE_CHARACTERS,
    ],
    [/^DIST (\S+) (\d+)((?: \S+ \S+)+)$/, "DIST a 0", " a", "!\n", MAX_DIST_LINE_CHARACTERS],
    [/^[0-9a-f]+$/i, "", "0", "!"],
  ],
  "src/repos/formats/md5-cache.ts": [[/^[0-9a-f]{32}$/, "", "0", ""]],
  "src/repos/formats/nofetch.ts": [
    [/^pkg_nofetch[ \t]*\(\)[ \t]*\{\n/m, "pkg_nofetch", " ", "!"],
    [/\bhttps?:\/\/[^\s"'`<>\\|;(){}]+/g, "", "http:/", ""],
    [/[.,:!?]+$/, "", ".", "a", 1_024],
  ],
  "src/repos/formats/repo-layout.ts": [[/^\s*([\w-]+)\s*=\s*([^#]*)/, "a", " ", "x"]],
  "src/repos/formats/repos-conf.ts": [
    [/\r\n|\r|\n/, "", "a", ""],
    [/^[#;]/, "", "a", ""],
    [/^\[([^\]]+)\]/, "", "[", ""],
    [/[=:]/, "", "a", ""],
    [/%%|%\(([^()%]*)\)s/g, "", "%(a", ""],
    [/^[+-]?\d+$/, "", "0", "!"],
  ],
  "src/repos/formats/src-uri.ts": [
    [/[^ \t\n\r\f\v]+/g, " ", "a", " "],
    [/^!?[A-Za-z0-9][\w+@-]*\?$/, "", "a", "!"],
    [/^\d+$/, "", "0", "a"],
    [/^(fetch|mirror)\+/, "", "fetch", ""],
    [/^[a-z][a-z0-9+.-]*:\/\//i, "", "a.", ""],
  ],
  "src/repos/formats/third-party-mirrors.ts": [[/^mirror:\/\/([^/]+)\/(.+)$/i, "mirror://a/", "a", "\n"]],
  "src/repos/read-folder.ts": [[/^[A-Za-z0-9_][A-Za-z0-9+_.-]*$/, "", "a", "!"]],
  "src/repos/sync/run-command.ts": [
    [/[\r\n]+/, "", "a", ""],
    [/\p{Cc}+/gu, "", "\ta", ""],
    [/^(?:remote: )?[A-Z][\w ]+: +\d+/, "A", "a", ""],
  ],
  "src/repos/sync/url.ts": [
    [/^rsync:/i, "", "rsync", ""],
    [/^([a-z][a-z0-9+.-]*:\/\/)[^/]*@/i, "a://", "a", ""],
    [/^(https?|rsync):\/\/(?:([^/]*)@)?(.*)$/is, "http://", "a", ""],
    [/[?#].*$/s, "", "a", ""],
    [/[/:]/, "", "a", ""],
    [/\.git$/i, "", ".git", "!"],
    [/[^\w.-]+/g, "", "a ", ""],
    [/^[.-]+/, "", ".", ""],
  ],
  "src/repos/uri-names.ts": [[/^(?:fetch|mirror)\+/, "", "fetch", ""]],
  "src/resolver/by-hand.ts": [[/^https?:\/\//i, "", "http:/", ""]],
  "src/resolver/expand.ts": [
    [/^https?:\/\//i, "", "http", ""],
    [/^mirror:\/\//i, "", "mirror", ""],
  ],
  "src/resolver/package-files.ts": [[/-r\d+$/, "", "-r1", "!"]],
  "src/resolver/package-versions.ts": [[/^SLOT=["']?([\w+./-]{1,64})["']?$/m, "", "SLOT=a\n", "SLOT="]],
  "src/server/client-names.ts": [
    [/^[a-z0-9_][a-z0-9_.-]*$/i, "", "a", "!", 253],
    [/^\[(.*)\]/, "[", "a", "", 253],
    [/:\d+$/, "", ":1", "!", 253],
  ],
  "src/resolver/restrict.ts": [[/^mirror:\/\//i, "", "mirror", ""]],
  "src/setup/avahi.ts": [
    [/(\\\d{3}|\\.)/, "", "\\03", ""],
    [/^\\\d/, "\\", "0", ""],
    [/^\\/, "\\", "\\", ""],
    [/^[\w.-]{1,255}$/, "", "a", "!"],
    [/^\d{1,5}$/, "", "1", "!"],
  ],
  "src/repos/package-names.ts": [[/^[A-Za-z0-9_][A-Za-z0-9+_.-]*$/, "", "a", "("]],
  "src/store/lock.ts": [[/ WRITE +([1-9]\d*) /, "", " WRITE 1", "!"]],
  "src/store/part-file.ts": [[/^portcache part: (\d{15}) of (\d{15})\n$/, "portcache part: ", "0", ""]],
  "src/upstream/address-policy.ts": [[/^::(?:ffff:)?([0-9a-f]{1,4}):([0-9a-f]{1,4})$/, "::", "ffff:", ""]],
  "src/upstream/loop-guard.ts": [
    [/^portcache-[0-9a-f]{1,32}$/, "portcache-", "0", ""],
    [/[\s;]+/, "a", " ", "b"],
  ],
  "src/upstream/pinned-address.ts": [[/^\[(.*)\]$/, "[", "]", "!"]],
  "src/upstream/content-range.ts": [
    [/^(?:bytes(?:[:=]\s*|\s+))?(\d{1,15})-(\d{1,15})\/(\d{1,15}|\*)$/i, "bytes", " ", "x"],
    [/^\+?(\d{1,15})(?!\d)/, "", "0", ""],
  ],
  "src/upstream/request.ts": [[/^"[^"]*"$/, '"', "a", ""]],
  "src/lib/http-date.ts": [
    [
      /^[a-z]{3,9}, ?(?<day>\d{1,2})[ -](?<month>[a-z]{3})[ -](?<year>\d{4}) (?<time>\d\d:\d\d:\d\d) (?:GMT|UTC|\+0000)$/i,
      "Mon, ",
      "0",
      "",
    ],
    [
      /^[a-z]{3,9}, ?(?<day>\d{1,2})-(?<month>[a-z]{3})-(?<year>\d{2}) (?<time>\d\d:\d\d:\d\d) (?:GMT|UTC)$/i,
      "Monday, ",
      "0",
      "",
    ],
    [/^[a-z]{3} (?<month>[a-z]{3}) (?<day>[ \d]?\d) (?<time>\d\d:\d\d:\d\d) (?<year>\d{4})$/i, "Mon Jan ", "0", ""],
  ],
  "src/upstream/raw-request.ts": [
    [/^\[(.*)\]$/, "[", "]", "!"],
    [/\r?\n$/, "", "\r", ""],
    [/(?:^|,)\s*chunked\s*$/i, ",", " ", "", MAX_FIELD_CHARACTERS],
  ],
  "src/upstream/response-head.ts": [
    [/^HTTP(?:\/[\d.]{1,7})?[ \t]+(\d{3})(?!\d)/i, "HTTP/1.1", " ", ""],
    [/^[\w!#$%&'*+.^`|~-]+$/, "", "a", "("],
    [/^[ \t]/, "", " ", ""],
    [/[\0\r]/g, "", "\r", ""],
    [/^[ \t]*(?:0x)?0{0,64}([0-9a-f]{1,12})[ \t]*(?:;|$)/i, "", "0", "!"],
  ],
  "src/upstream/host-gate.ts": [[/^\d+(?:\s*,\s*\d+)*$/, "", "0 , ", "!", MAX_FIELD_CHARACTERS]],
  "src/upstream/redirect.ts": [
    [/[\t\\|^`{}]/g, "", "\\", "", MAX_FIELD_CHARACTERS],
    [/(?:^|\/)(?:%2e|\.%2e|%2e\.|%2e%2e)(?=[/?#]|$)/gi, "", "/%2e", "", MAX_FIELD_CHARACTERS],
    [/%(?![0-9a-f]{2})/gi, "", "%", "", MAX_FIELD_CHARACTERS],
    [/\?[^#]*/, "", "?", "#", MAX_FIELD_CHARACTERS],
    [/[\x80-\xff]/g, "", "\xff", "", MAX_FIELD_CHARACTERS],
    [/, (?=\/|https?:)/i, "", ", ", "", MAX_FIELD_CHARACTERS],
    [/^[\d.]+$|:/, "", "0", "!"],
    [/^-?\d{1,15}$/, "", "0", ""],
    [/^"(.*)"$/, '"', '"', "!"],
    [/^\./, "", "a", ""],
  ],
};

const FILES = globSync("src/**/*.ts", { cwd: `${import.meta.dir}/../..` })
  .filter((file) => !/\.test\.ts$|^src\/testing\//.test(file))
  .map((file) => ({ file, literals: regularExpressionsIn(readFileSync(`${import.meta.dir}/../../${file}`, "utf8")) }))
  .filter(({ file, literals }) => literals.length > 0 && OWN[file] === undefined);

function inputOf([, start, repeated, end]: Row, length: number): string {
  return start + repeated.repeat(Math.max(1, Math.floor(length / repeated.length))) + end;
}

/** Milliseconds of processor time, the best of a few runs: the first ones compile the expression. */
function timeOf(pattern: RegExp, text: string): number {
  let best = Number.POSITIVE_INFINITY;
  for (let run = 0; run < 4 && best > 2; run++) {
    const tookMs = startProcessorTime();
    text.replace(pattern, "");
    best = Math.min(best, tookMs());
  }
  return best;
}

test("the scanner finds regular expressions and nothing else", () => {
  const text =
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is a template of the source that is scanned
    'const a = b / c; // /no/\nx.replace(/[/"]a\\/b/gi, `${y.match(/c/)} /no/`); const d = "/no/"; return /e/.test(f) / g;';
  expect(regularExpressionsIn(text)).toEqual(['/[/"]a\\/b/gi', "/c/", "/e/"]);
});

test("every regular expression that reads text of others is listed", () => {
  const listed = Object.entries(FOREIGN).map(([file, rows]) => [file, rows.map(([pattern]) => String(pattern))]);
  expect(Object.fromEntries(listed)).toEqual(
    Object.fromEntries(FILES.map(({ file, literals }) => [file, [...new Set(literals)]])),
  );
  const made = globSync("src/**/*.ts", { cwd: `${import.meta.dir}/../..` })
    .filter((file) => !/\.test\.ts$|^src\/testing\//.test(file))
    .filter((file) => readFileSync(`${import.meta.dir}/../../${file}`, "utf8").includes("RegExp("));
  expect(made).toEqual(["src/repos/sandbox/processes.ts"]);
});

test("each takes at most 20 ms for 1 MiB of its worst input, or for as much as it is ever given", () => {
  const slow = Object.entries(FOREIGN).flatMap(([file, rows]) =>
    rows.flatMap((row) => {
      const ms = timeOf(row[0], inputOf(row, row[4] ?? MIB));
      return ms > MAX_MS ? [`${file} ${row[0]}: ${ms.toFixed(1)} ms`] : [];
    }),
  );
  expect(slow).toEqual([]);
});

test("none takes quadratic time for whatever may be repeated after its start", () => {
  const repeated = [" ", "a", "0", "/", ".", "-", '"', "\\", ":", "a.", "a ", "%(", "\n", "\t="];
  const slow = Object.entries(FOREIGN).flatMap(([file, rows]) =>
    rows.flatMap((row) =>
      repeated.flatMap((one) => {
        const ms = timeOf(row[0], inputOf([row[0], row[1], one, "\u0000"], Math.min(row[4] ?? MIB, MIB / 16)));
        return ms > MAX_MS ? [`${file} ${row[0]} with ${JSON.stringify(one)}: ${ms.toFixed(1)} ms`] : [];
      }),
    ),
  );
  expect(slow).toEqual([]);
});
