import { afterAll, expect, test } from "bun:test";
import { createEbuildFixture } from "../testing/ebuilds.ts";
import { createTestSandbox } from "../testing/sandbox.ts";
import type { Evaluation } from "./evaluate.ts";

const fixture = createEbuildFixture();
afterAll(() => fixture[Symbol.dispose]());

const GOOD = "EAPI=8\nSRC_URI=https://example.org/$P.tgz\n";
const srcUriOf = (evaluation: Evaluation | undefined) =>
  evaluation?.kind === "evaluated" ? evaluation.metadata.srcUri : evaluation?.reason;

const FAKE = "\\036evaluated\\n8\\nhttps://evil.example/a\\n\\n\\n\\n\\036";

test.each([
  ["NULs", "printf '\\0\\0\\0'"],
  ["a report", `printf '${FAKE}'`],
  ["a reply", `printf 'foo-1\\0000\\000${FAKE}\\000'`],
  ["megabytes", "for ((i = 0; i < 20000; i++)); do printf '%0200d' 0; done"],
])("%s on standard output have no effect", async (_, text) => {
  const found = await fixture.evaluateAll({ "1": `${GOOD}${text}\n`, "2": GOOD });
  expect(found["1"]).toEqual(expect.objectContaining({ kind: "evaluated" }));
  expect(srcUriOf(found["1"])).toBe("https://example.org/foo-1.tgz");
  expect(srcUriOf(found["2"])).toBe("https://example.org/foo-2.tgz");
  expect(found["2"]).not.toHaveProperty("complaint");
});

test.each([
  ["a report before its own", `printf '${FAKE}' >&2`],
  ["half a report", "printf '\\036evaluated\\n8\\n' >&2"],
  ["a separator", "printf '\\036' >&2"],
  ["an empty record", "printf '\\036\\036' >&2"],
  ["a report with a field too many", `${"printf '\\036evaluated\\n8\\na\\n\\n\\n\\n\\n\\036' >&2; exit 0"}`],
  ["a report with a field too few", `${"printf '\\036evaluated\\n8\\na\\n\\n\\n\\036' >&2; exit 0"}`],
  ["a record of another kind", `${"printf '\\036something\\n8\\na\\n\\n\\n\\n\\036' >&2; exit 0"}`],
  ["a report and a failure", `printf '${FAKE}' >&2; exit 1`],
  ["a report to every descriptor", `for fd in /dev/fd/*; do printf '${FAKE}' >&"\${fd##*/}"; done 2>/dev/null; :`],
])("%s on standard error makes an ebuild fail, and not the next one", async (_, text) => {
  const found = await fixture.evaluateAll({ "1": `${GOOD}${text}\n`, "2": GOOD });
  expect(found["1"]).toEqual({ kind: "failed", reason: "leaves a malformed report" });
  expect(srcUriOf(found["2"])).toBe("https://example.org/foo-2.tgz");
});

test("a report of an ebuild that ends bash is not accepted", async () => {
  const found = await fixture.evaluateAll({ "1": GOOD, "2": `${GOOD}kill -9 $$\n`, "3": GOOD });
  expect(srcUriOf(found["1"])).toBe("https://example.org/foo-1.tgz");
  expect(srcUriOf(found["2"])).toMatch(/^made bash end with status 137/);
  expect(srcUriOf(found["3"])).toMatch(/^was not reached, because foo-2 made bash end/);
});

test("a flood on standard error is stopped", async () => {
  using small = createEbuildFixture({ sandbox: createTestSandbox({ timeMs: 1000, outputBytes: 100_000 }) });
  const found = await small.evaluateAll({
    "1": GOOD,
    "2": "EAPI=8\nfor ((i = 0; i < 3000; i++)); do printf '%0200d' 0 >&2; done\n",
    "3": GOOD,
  });
  expect(srcUriOf(found["1"])).toBe("https://example.org/foo-1.tgz");
  expect(srcUriOf(found["2"])).toBe("wrote too much");
});

// Whatever an ebuild does, its report is right, or it fails.
test.each([
  "set -e",
  "set -eu",
  "set -o pipefail",
  "set -f",
  "set -T -E",
  "set -o posix",
  "set -a",
  "set -- a b c; shift",
  "IFS=:/.",
  "unset IFS",
  "IFS=",
  "shopt -s nullglob dotglob globstar nocasematch nocaseglob extglob extdebug lastpipe",
  "shopt -s failglob localvar_inherit localvar_unset inherit_errexit xpg_echo 2>/dev/null",
  "shopt -u sourcepath expand_aliases",
  "alias printf=false set=false unset=false trap=false local=false builtin=false exit=false '[['=false",
  "alias __portcache_report=false __portcache_die=false",
  "trap 'SRC_URI=https://evil.example/a' EXIT",
  "trap 'false' ERR; false; :",
  "trap 'set --' DEBUG; set -T",
  "trap 'exit 3' EXIT",
  "__portcache_values=(https://evil.example/a)",
  "trap 'echo return' RETURN",
  "trap '' TERM INT PIPE HUP",
  "printf() { echo evil; }",
  "echo() { exit 3; }; builtin() { exit 3; }; local() { exit 3; }; exit() { return 3; }",
  "unset() { return 0; }; set() { return 0; }; trap() { return 0; }; shift() { return 0; }; eval() { :; }; exec() { :; }",
  "command() { :; }; test() { :; }; mapfile() { :; }; declare() { :; }; source() { :; }; return() { :; }; cd() { :; }",
  "die() { :; }; inherit() { :; }; command_not_found_handle() { :; }; nothing-like-this",
  "LC_ALL=C.UTF-8; LANG=C.UTF-8",
  "PATH=/usr/bin:/bin",
  "cd /",
  "exec 0</dev/zero",
  "exec 1>&-",
  "exec 2>&-",
  "read -r x; [[ -z $x ]] || SRC_URI=stolen",
  "declare -x SRC_URI; declare -r SRC_URI EAPI P PV",
  "declare -n RESTRICT=NOTHING",
  "HOMEPAGE=(https://example.org b c); RESTRICT=()",
  "BASH_COMPAT=3.1",
  "unset() { :; }; readonly -f unset",
  "POSIXLY_CORRECT=1",
  "umask 777",
  "OPTIND=7; BASH_ARGV0=x; BASH_XTRACEFD=1; SECONDS=x; RANDOM=1; FUNCNEST=3; HISTFILE=x; TIMEFORMAT=x",
  "f() { SRC_URI=https://example.org/$P.tgz; }; SRC_URI=; f",
  "ulimit -c 0",
  "wait; jobs; times; hash -r; enable -a; history; bind 2>/dev/null",
])("an ebuild may do this, and its report is right: %s", async (text) => {
  const found = await fixture.evaluateAll({ "1": `${GOOD}${text}\n:\n`, "2": GOOD });
  expect(srcUriOf(found["1"])).toBe("https://example.org/foo-1.tgz");
  expect(found["2"]).not.toHaveProperty("complaint");
  expect(srcUriOf(found["2"])).toBe("https://example.org/foo-2.tgz");
});

test.each([
  "enable -n printf",
  "enable -n printf unset set trap exec",
  "printf() { :; }; readonly -f printf",
  "IFS=/; readonly IFS",
  "readonly POSIXLY_CORRECT",
  "set -n",
  "exec {__portcache_reply_fd}>&-",
  'eval "exec $__portcache_reply_fd>&-"',
  "ulimit -n 3",
  "trap 'exit 0' DEBUG",
  "trap 'exit 0' DEBUG; set -T",
  "exec true",
  "__portcache_reply_fd=1",
  "__portcache_report() { :; }",
  "unset -f __portcache_report",
  "source() { :; }; exit 0",
])("an ebuild that does this fails, and does not affect the next: %s", async (text) => {
  const found = await fixture.evaluateAll({ "1": `${GOOD}${text}\n`, "2": GOOD });
  expect(found["1"]).toEqual({
    kind: "failed",
    reason: expect.stringMatching(/^ends (early )?with status \d/) as never,
  });
  expect(srcUriOf(found["2"])).toBe("https://example.org/foo-2.tgz");
});

test("no function of the environment can be replaced or removed", async () => {
  const all = 'while read -r _ _ name; do [[ $name != __portcache_* ]] || own+=" $name"; done < <(declare -F)';
  const own = (await fixture.metadata(`EAPI=8\n${all}\nSRC_URI=$own\n`)).srcUri.split(" ");
  expect(own.length).toBeGreaterThan(10);
  for (const name of own) {
    const found = await fixture.evaluate(`${GOOD}unset -f ${name}\n${name}() { SRC_URI=evil; }\nver_test 1 -lt 2\n`);
    expect(found).toMatchObject({ complaint: expect.stringContaining(`${name}: readonly function`) });
    expect(srcUriOf(found)).toBe("https://example.org/foo-1.2.tgz");
  }
});
