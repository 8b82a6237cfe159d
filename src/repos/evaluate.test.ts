import { afterAll, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { createEbuildFixture } from "../testing/ebuilds.ts";
import { startProcessorTime } from "../testing/processor-time.ts";
import { createTestSandbox } from "../testing/sandbox.ts";
import { createEvaluator, type Evaluation } from "./evaluate.ts";
import type { Sandbox, SandboxEnd, SandboxJob } from "./sandbox/sandbox.ts";

const fixture = createEbuildFixture();
afterAll(() => fixture[Symbol.dispose]());

const GOOD = "EAPI=8\nSRC_URI=https://example.org/$P.tgz\nRESTRICT=fetch\nHOMEPAGE=https://example.org\n";
const good = (version: string): Evaluation => ({
  kind: "evaluated",
  metadata: {
    eapi: "8",
    srcUri: `https://example.org/foo-${version}.tgz`,
    restrict: "fetch",
    homepage: "https://example.org",
    inherited: [],
  },
});
const failed = (reason: string) => ({ kind: "failed", reason }) as const;

test("every ebuild of a package is evaluated, and failures have a reason", async () => {
  const found = await fixture.evaluateAll({
    "1": GOOD,
    "2": "EAPI=8\ndie gone\n",
    "3_rc1-r4": GOOD.replace("EAPI=8", "EAPI=11"),
    "9999": GOOD,
  });
  expect(found).toEqual({
    "1": good("1"),
    "2": failed("died: gone"),
    "3_rc1-r4": failed("has the unknown EAPI 11"),
    "9999": good("9999"),
  });
});

test("an ebuild does not affect the next", async () => {
  const found = await fixture.evaluateAll({
    "1": "EAPI=8\nRESTRICT=test\nHOMEPAGE=x\nLEFT=1\nset -u\nshopt -s nullglob\ncd /\nreadonly PV\nhas() { :; }\n",
    "2": "EAPI=8\nhas a b && die has\n[[ ! -v LEFT && $PV == 2 && $- != *u* ]] || die left\nSRC_URI=$(echo no-*)\n",
  });
  expect(found["1"]?.kind).toBe("evaluated");
  expect(found["2"]).toMatchObject({ kind: "failed", reason: expect.stringContaining("no match: no-*") });
});

test("an ebuild that is missing, or not a version of the package, fails alone", async () => {
  writeFileSync(`${fixture.folder}/foo-1.ebuild`, GOOD);
  const evaluations = await createEvaluator(createTestSandbox()).evaluate({
    category: "app-misc",
    package: "foo",
    folder: fixture.folder,
    eclassFolders: [],
    ebuilds: ["bar-1", "foo-bar-1", "foo", "foo-404", "foo-1"].map((pf) => ({ pf, eapi: "8" })),
  });
  expect(Object.fromEntries(evaluations)).toEqual({
    "bar-1": failed("is not a version of foo"),
    "foo-bar-1": failed("is not a version of foo"),
    foo: failed("is not a version of foo"),
    "foo-404": failed(
      expect.stringMatching(/^ends with status 1 \(.*foo-404.ebuild: No such file or directory\)$/) as never,
    ),
    "foo-1": good("1"),
  });
});

test("bash does not run without valid ebuilds", async () => {
  const sandbox: Sandbox = { ...createTestSandbox(), run: () => Promise.reject(new Error("It was run")) };
  const request = { category: "app-misc", package: "foo", folder: fixture.folder, eclassFolders: [] };
  const { evaluate } = createEvaluator(sandbox);
  expect([...(await evaluate({ ...request, ebuilds: [] }))]).toEqual([]);
  const unknown = await evaluate({ ...request, ebuilds: [{ pf: "foo-1", eapi: "11" }] });
  expect([...unknown]).toEqual([["foo-1", failed("has the unknown EAPI 11")]]);
});

test("a sandbox that cannot be started is not a failure of the ebuilds", async () => {
  const sandbox: Sandbox = { ...createTestSandbox(), run: () => Promise.reject(new Error("no bash")) };
  using broken = createEbuildFixture({ sandbox });
  expect(await broken.evaluate(GOOD).catch((error: Error) => error.message)).toBe("no bash");
});

test("the sandbox has the package and the eclasses, and nothing else of the repository", async () => {
  const jobs: SandboxJob[] = [];
  const plain = createTestSandbox();
  const sandbox: Sandbox = {
    ...plain,
    run: (job) => {
      jobs.push(job);
      return plain.run(job);
    },
  };
  using watched = createEbuildFixture({ sandbox });
  await watched.evaluateAll({ "1": GOOD, "2": GOOD });
  const root = watched.folder.slice(0, -"/own/app-misc/foo".length);
  expect(jobs.map(({ readable }) => readable)).toEqual([
    [watched.folder, `${root}/master/eclass`, `${root}/own/eclass`],
  ]);
  expect(jobs[0]?.script.length).toBeLessThan(100 * 1024);
});

test("the folder's path may contain blanks, newlines, quotes and patterns", async () => {
  using odd = createEbuildFixture({ name: " a  b\n*'\"$x`\\ [c]é&" });
  odd.eclass("odd", "SRC_URI=odd\n");
  odd.eclass("master-odd", "SRC_URI+=' master'\n", "master");
  expect(await odd.metadata("EAPI=8\ninherit odd master-odd\n")).toMatchObject({ srcUri: "odd master" });
  expect(await odd.metadata("EAPI=0\ninherit odd master-odd\n")).toMatchObject({ srcUri: "odd master" });
});

test("a complaint belongs to its ebuild's result, shortened and on one line", async () => {
  const found = await fixture.evaluateAll({
    "1": GOOD,
    "2": `${GOOD}echo one >&2\nprintf '\\e[31mtwo\\t\\n' >&2\n`,
    "3": `${GOOD}for ((i = 0; i < 5000; i++)); do echo complaint >&2; done\n`,
    "4": GOOD,
  });
  expect(found["1"]).toEqual(good("1"));
  expect(found["2"]).toEqual({ ...good("2"), complaint: "one \\x1b[31mtwo" } as Evaluation);
  expect(found["3"]).toMatchObject({ kind: "evaluated", complaint: expect.stringMatching(/^(complaint ){15,}.*…$/) });
  expect(found["4"]).toEqual(good("4"));
});

test("complaints do not contain the folder", async () => {
  expect(await fixture.evaluate("EAPI=8\nSRC_URI=x\ncd /no/such || :\n")).toMatchObject({
    kind: "evaluated",
    complaint: "foo-1.2-r3.ebuild: line 3: cd: /no/such: No such file or directory",
  });
});

test.each([
  [
    "EAPI=8\nif true; then\n",
    /^ends with status \d \(foo-1.2-r3.ebuild: line \d: syntax error: unexpected end of file\)$/,
  ],
  ["EAPI=8\nSRC_URI='x\n", /^ends with status \d \(foo-1.2-r3.ebuild: line 2: unexpected EOF/],
  ["EAPI=8\n[[ a == b ]]\n", /^ends with status 1$/],
  ["EAPI=8\nreturn 3\n", /^ends with status 3$/],
  ["EAPI=8\nexit\n", /^ends early with status 0$/],
  ["EAPI=8\nexit 0\n", /^ends early with status 0$/],
  ["EAPI=8\necho why >&2; exit 5\n", /^ends early with status 5: why$/],
  ['EAPI=8\nexec 2>&-; exec "$BASH" -c :\n', /^ends early with status 0$/],
  ["EAPI=8\nset -n\n", /^ends early with status 0$/],
  ["EAPI=8\nset -u; x=$nothing\n", /^ends early with status 1: foo-1.2-r3.ebuild: line 2: nothing: unbound variable$/],
  ["EAPI=8\nkill -9 $BASHPID\n", /^ends early with status 137$/],
  ["EAPI=8\n: $(( 1 / 0 ))\n", /division by 0/],
])("%j fails", async (text, reason) => {
  expect(await fixture.failure(text)).toMatch(reason);
});

test("an ebuild may end with return 0", async () => {
  expect(await fixture.evaluate(`${GOOD}return 0\ndie\n`)).toEqual(good("1.2"));
});

test.each([
  "die inside",
  "x=$(die inside)",
  "x=$(y=$(die inside 2>/dev/null) && :) || :",
  "( die inside ) || :",
  "die inside | read -r x || :",
  "read -r x < <(die inside); :",
  "{ die inside; } >&- 2>&- || :",
  "f() { local x=$(die inside); }; f",
])("a die counts wherever it is: %s", async (text) => {
  expect(await fixture.failure(`EAPI=8\n${text}\n`)).toContain("died: inside");
});

test("the message of a die is shortened and on one line", async () => {
  expect(await fixture.failure("EAPI=8\ndie $'a\\n\\tb\\x1ec\\e[31m\\x01d'\n")).toBe("died: a b c\\x1b[31m\\x01d");
  expect((await fixture.failure("EAPI=8\ndie $(printf '%05000d' 0)\n")).length).toBeLessThan(1100);
  expect(await fixture.failure("EAPI=8\nIFS=x; die a b\n")).toBe("died: a b");
});

/** Creates the result of a run with this end and output. */
function ended(end: SandboxEnd, output: string): Sandbox {
  const result = { end, exit: end === "exit" ? 137 : 0, output: new TextEncoder().encode(output), errors: "no\nmore" };
  return { kind: "none", run: async () => result, stop: async () => {} };
}

const reply = (
  version: string,
  report = `evaluated\n8\nhttps://example.org/foo-${version}.tgz\nfetch\nhttps://example.org\n\n`,
) => `foo-${version}\x000\x00\x1e${report}\x1e\x00`;

test.each<[SandboxEnd, string]>([
  ["time", "took too long"],
  ["memory", "needed too much memory"],
  ["output", "wrote too much"],
  ["stopped", "was stopped with the server"],
  ["exit", "made bash end with status 137: no more"],
])("where a run ends by %s, earlier results are kept", async (end, why) => {
  using cut = createEbuildFixture({
    sandbox: ended(end, reply("1") + (end === "exit" ? "" : reply("2").slice(0, 20))),
  });
  // The kernel without memory, or somebody else, sends SIGKILL: status 137.
  const isPassing = end === "time" || end === "memory" || end === "exit";
  expect(await cut.evaluateAll({ "1": GOOD, "2": GOOD, "3": GOOD })).toEqual({
    "1": good("1"),
    "2": { ...failed(why), ...(end === "stopped" ? { interrupted: true } : isPassing ? { passing: true } : {}) },
    "3": { ...failed(`was not reached, because foo-2 ${why}`), interrupted: true },
  });
});

test("an ebuild whose bash was killed, or refused something by the machine, may work at another time", async () => {
  const died = (text: string, status = 1) => `foo-1\x00${status}\x00${text}\x00`;
  const rows = [
    [died("", 137), true],
    [died("", 143), true],
    [died("bash: fork: retry: Resource temporarily unavailable\n", 254), true],
    [died("bash: cannot create temp file for here-document: No space left on device\n"), true],
    [died("/r/eclass/e.eclass: Permission denied\n"), true],
    [died("bash: /x: Permission denied\n"), undefined],
    [died("syntax error\n", 2), undefined],
  ] as const;
  for (const [output, passing] of rows) {
    using cut = createEbuildFixture({ sandbox: ended("exit", output) });
    const { "1": evaluation } = await cut.evaluateAll({ "1": GOOD });
    expect([output, evaluation?.kind === "failed" && evaluation.passing]).toEqual([output, passing]);
  }
});

test("an endless ebuild fails, and earlier results are kept", async () => {
  using quick = createEbuildFixture({ sandbox: createTestSandbox({ timeMs: 300 }) });
  expect(await quick.evaluateAll({ "1": GOOD, "2": "EAPI=8\nwhile :; do :; done\n", "3": GOOD })).toEqual({
    "1": good("1"),
    "2": { ...failed("took too long"), passing: true },
    "3": { ...failed("was not reached, because foo-2 took too long"), interrupted: true },
  });
});

test("an ebuild with an endless background process counts as endless", async () => {
  using quick = createEbuildFixture({ sandbox: createTestSandbox({ timeMs: 300 }) });
  expect(await quick.evaluate(`${GOOD}while :; do :; done &\n`)).toEqual({ ...failed("took too long"), passing: true });
});

test.each([
  ["a reply in the name of the next one", reply("2") + reply("1") + reply("2")],
  ["a reply twice", reply("1") + reply("1") + reply("2")],
  ["the last reply twice", reply("1") + reply("2") + reply("2")],
  ["a reply of an unknown ebuild", reply("1") + reply("3")],
  ["replies in another order", reply("2") + reply("1")],
  ["a field too many", `x\x00${reply("1")}${reply("2")}`],
  ["a field too many between", `${reply("1")}\x00${reply("2")}`],
  ["a field too many at the end", `${reply("1")}${reply("2")}\x00`],
  ["something after the end", `${reply("1")}${reply("2")}x`],
  ["half a reply after which bash has ended", `${reply("1")}foo-2\x000`],
])("output with %s is not accepted at all", async (_, output) => {
  using tampered = createEbuildFixture({ sandbox: ended("exit", output) });
  const reason = "is in a package whose report was tampered with";
  expect(await tampered.evaluateAll({ "1": GOOD, "2": GOOD })).toEqual({ "1": failed(reason), "2": failed(reason) });
});

test.each([
  ["separators in a reply", `foo-1\x000\x00${"\x1e".repeat(20_000_000)}\x00`, "leaves a malformed report"],
  ["ends of fields", `${reply("1")}${"\x00".repeat(20_000_000)}`, "is in a package whose report was tampered with"],
])("output of nothing but %s costs no more than other output", async (_, output, reason) => {
  using tampered = createEbuildFixture({ sandbox: ended("exit", output) });
  const tookMs = startProcessorTime();
  expect(await tampered.evaluateAll({ "1": GOOD })).toEqual({ "1": failed(reason) });
  expect(tookMs()).toBeLessThan(500);
});
