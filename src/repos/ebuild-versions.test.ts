import { afterAll, expect, test } from "bun:test";
import fc from "fast-check";
import { createEbuildFixture } from "../testing/ebuilds.ts";

const fixture = createEbuildFixture();
afterAll(() => fixture[Symbol.dispose]());

/** Runs commands in one ebuild; returns their outputs, with "=" and a status other than 0. */
async function run(commands: readonly string[], eapi = "8"): Promise<readonly string[]> {
  const lines = commands.map((command) => `out=$(${command}); status=$?; SRC_URI+=" [$out\${status#0}]"`);
  const { srcUri } = await fixture.metadata(`EAPI=${eapi}\n${lines.join("\n")}\n`, "2.3.4_rc5-r6");
  return srcUri.split(" ").map((word) => word.slice(1, -1));
}

const CUTS: readonly (readonly [string, string])[] = [
  ["ver_cut 1 1.2.3", "1"],
  ["ver_cut 1-1 1.2.3", "1"],
  ["ver_cut 1-2 1.2.3", "1.2"],
  ["ver_cut 2- 1.2.3", "2.3"],
  ["ver_cut 1- 1.2.3", "1.2.3"],
  ["ver_cut 3-4 1.2.3b_alpha4", "3b"],
  ["ver_cut 5 1.2.3b_alpha4", "alpha"],
  ["ver_cut 1-2 .1.2.3", "1.2"],
  ["ver_cut 0-2 .1.2.3", ".1.2"],
  ["ver_cut 2-3 1.2.3.", "2.3"],
  ["ver_cut 2- 1.2.3.", "2.3."],
  ["ver_cut 2-4 1.2.3.", "2.3."],
  ["ver_cut 0-2 1.2.3", "1.2"],
  ["ver_cut 2-5 1.2.3", "2.3"],
  ["ver_cut 4 1.2.3", ""],
  ["ver_cut 0 1.2.3", ""],
  ["ver_cut 4- 1.2.3", ""],
  ["ver_cut 08 1.2.3.4.5.6.7.8", "8"],
  ["ver_cut 2", "3"],
  ["ver_cut 1-", "2.3.4_rc5"],
  ["ver_cut 2-3 v1-beta", "1-beta"],
];

const REPLACEMENTS: readonly (readonly [string, string])[] = [
  ["ver_rs 1 - 1.2.3", "1-2.3"],
  ["ver_rs 2 - 1.2.3", "1.2-3"],
  ["ver_rs 1-2 - 1.2.3.4", "1-2-3.4"],
  ["ver_rs 2- - 1.2.3.4", "1.2-3-4"],
  ["ver_rs 2 . 1.2-3", "1.2.3"],
  ["ver_rs 3 . 1.2.3a", "1.2.3.a"],
  ["ver_rs 2-3 - 1.2_alpha4", "1.2-alpha-4"],
  ['ver_rs 3 - 2 "" 1.2.3b_alpha4', "1.23-b_alpha4"],
  ["ver_rs 3-5 _ 4-6 - a1b2c3d4e5", "a1b_2-c-3-d4e5"],
  ["ver_rs 1 - .1.2.3", ".1-2.3"],
  ["ver_rs 0 - .1.2.3", "-1.2.3"],
  ["ver_rs 0 - 1.2.3", "1.2.3"],
  ["ver_rs 3 . 1.2.3", "1.2.3"],
  ["ver_rs 3- . 1.2.3", "1.2.3"],
  ["ver_rs 3-5 . 1.2.3", "1.2.3"],
  ["ver_rs 3 - 1.2.3.", "1.2.3-"],
  ["ver_rs 1-2 _", "2_3_4_rc5"],
  ["ver_rs 1 '*' 1.2", "1*2"],
];

test.each(["7", "8", "9"])("ver_cut and ver_rs work as in PMS 12.3.14, in EAPI %s", async (eapi) => {
  const vectors = [...CUTS, ...REPLACEMENTS];
  const found = await run(
    vectors.map(([command]) => command),
    eapi,
  );
  expect(vectors.map(([command], i) => [command, found[i]])).toEqual(vectors.map((vector) => [...vector]));
});

const COMPARISONS = `
  6.0 -gt 5.0, 5.0 -gt 5, 1.0-r1 -gt 1.0-r0, 999999999999999999999999999999 -gt 999999999999999999999999999998,
  1.0.0 -gt 1.0, 1.0.0 -gt 1.0b, 1b -gt 1, 1b_p1 -gt 1_p1, 1.1b -gt 1.1, 12.2.5 -gt 12.2b, 4.0 -lt 5.0, 5 -lt 5.0,
  1.0_pre2 -lt 1.0_p2, 1.0_alpha2 -lt 1.0_p2, 1.0_alpha1 -lt 1.0_beta1, 1.0_beta3 -lt 1.0_rc3, 1.0_pre1 -lt 1.0_rc1,
  1.001000000000000001 -lt 1.001000000000000002, 1.00100000000 -lt 1.001000000000000001, 1.01 -lt 1.1, 1.0 -lt 1.0.0,
  1.0b -lt 1.0.0, 1.0-r0 -lt 1.0-r1, 4.0 -eq 4.0, 1.0-r0 -eq 1.0, 1.0 -eq 1.0-r0, 1 -ne 2, 1.0_alpha -ne 1.0_pre,
  1 -ne 0.0, 1_p1 -ne 1b_p1, 1.0_alpha -gt 1_alpha, 1.0_alpha -gt 1, 1.0_alpha -lt 1.0, 1.2.0.0_alpha7-r4 -gt 1.2_alpha7-r4,
  0001 -eq 1, 01 -eq 001, 0001.1 -eq 1.1, 01.01 -eq 1.01, 1.010 -eq 1.01, 1.00 -eq 1.0, 1.0100 -eq 1.010, 1-r00 -eq 1-r0,
  0_rc99 -lt 0, 011 -eq 11, 019 -eq 19, 1.2 -eq 001.2, 1.2 -gt 1.02, 1.2a -lt 1.2b, 1.2_pre1 -gt 1.2_pre1_beta2,
  1.2_pre1 -lt 1.2_pre1_p2, 1.00 -lt 1.0.0, 1.2_pre08-r09 -eq 1.2_pre8-r9, 0 -lt 9223372036854775808, 1_p -eq 1_p0,
  1_p -gt 1, 1_p0 -lt 1_p0_p, 1 -le 1, 1 -ge 1, 1 -le 2, 2 -ge 1, 1.1.1 -lt 1.1.10, 1.09 -lt 1.1, 1.9 -lt 1.10,
  1a -lt 1.0, 1.2.3_rc1-r1 -lt 1.2.3`;

test("ver_test compares as in PMS 3.3", async () => {
  const commands = COMPARISONS.split(",").map((comparison) => `ver_test ${comparison.trim()}`);
  expect((await run(commands)).map((status, i) => [commands[i], status])).toEqual(commands.map((one) => [one, ""]));
});

test("ver_test with two arguments compares with the ebuild's own version and revision", async () => {
  expect(await run(["ver_test -eq 2.3.4_rc5-r6", "ver_test -eq 2.3.4_rc5", "ver_test -gt 2.3.4_rc5"])).toEqual([
    "",
    "1",
    "",
  ]);
});

test.each([
  "ver_cut foo 1.2.3",
  "ver_cut -3 1.2.3",
  "ver_cut '' 1.2.3",
  "ver_cut 1-2-3 1.2.3",
  "ver_rs -3 _ a1b2c3d4e5",
  "ver_rs 5-3 _ a1b2c3d4e5",
  "ver_test 1",
  "ver_test 1 -lt 2 3",
  "ver_test -lt 1 2",
  'ver_test 1 "<" 2',
  "ver_test 1 lt 2",
  "ver_test 1 -foo 2",
  'ver_test "" -ne 1',
  "ver_test 1. -ne 1",
  "ver_test .1 -ne 1",
  "ver_test 1..2 -ne 1",
  "ver_test 1ab -ne 1",
  "ver_test 1 -ne b",
  "ver_test 1-r1_pre -ne 1",
  "ver_test 1-pre1 -ne 1",
  "ver_test 2 -ne 1_foo",
  "ver_test 1_pre1.1 -ne 1",
  "ver_test 1-r1.0 -ne 1",
  "ver_test cvs.9999 -ne 9999",
])("%s dies, in a subshell as well", async (command) => {
  expect(await fixture.failure(`EAPI=8\n${command} || :\n`)).toContain(`calls ${command.slice(0, 3)}`);
  expect(await fixture.failure(`EAPI=8\nx=$(${command} 2>/dev/null || :)\n`)).toContain(`calls ${command.slice(0, 3)}`);
});

test("these functions do not exist up to EAPI 6, where an eclass may define them", async () => {
  fixture.eclass("eapi7-ver", "ver_cut() { echo theirs; }\n");
  expect(await fixture.metadata("EAPI=6\ninherit eapi7-ver\nSRC_URI=$(ver_cut 1)\n")).toMatchObject({
    srcUri: "theirs",
  });
  for (const name of ["ver_cut", "ver_rs", "ver_test"]) {
    expect(await fixture.failure(`EAPI=6\n${name} 1 1\n`)).toBe(`runs the command ${name}`);
  }
});

interface Version {
  readonly numbers: readonly string[];
  readonly letter: string;
  readonly suffixes: readonly (readonly [string, string])[];
  readonly revision: string;
}

const SUFFIXES = ["alpha", "beta", "pre", "rc", "p"];
const digits = fc.oneof(
  fc.constantFrom("0", "1", "2", "10", "01", "010", "100", "00"),
  fc.stringMatching(/^\d{1,22}$/),
);
const version: fc.Arbitrary<Version> = fc.record({
  numbers: fc.array(digits, { minLength: 1, maxLength: 4 }),
  letter: fc.constantFrom("", "", "a", "b"),
  suffixes: fc.array(fc.tuple(fc.constantFrom(...SUFFIXES), fc.constantFrom("", "0", "1", "2", "02", "10")), {
    maxLength: 3,
  }),
  revision: fc.constantFrom("", "", "0", "1", "01", "2"),
});
/** Generates versions that often have the same start. */
const pair = fc.oneof(
  fc.tuple(version, version),
  fc.tuple(version, version).map(([a, b]) => [a, { ...b, numbers: a.numbers }] as const),
  fc.tuple(version, version).map(([a, b]) => [a, { ...a, revision: b.revision, suffixes: b.suffixes }] as const),
);

const textOf = ({ numbers, letter, suffixes, revision }: Version) =>
  `${numbers.join(".")}${letter}${suffixes.map(([kind, n]) => `_${kind}${n}`).join("")}${revision && `-r${revision}`}`;

const compare = <T extends string | bigint | number>(a: T, b: T) => (a === b ? 0 : a < b ? -1 : 1);
const integers = (a: string, b: string) => compare(BigInt(a || "0"), BigInt(b || "0"));

function component(a: string, b: string): number {
  if (!a.startsWith("0") && !b.startsWith("0")) return integers(a, b);
  return compare(a.replace(/0+$/, ""), b.replace(/0+$/, ""));
}

function suffixes(a: Version["suffixes"], b: Version["suffixes"]): number {
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    const [[kindA, numberA], [kindB, numberB]] = [a[i]!, b[i]!];
    const order =
      kindA === kindB ? integers(numberA, numberB) : compare(SUFFIXES.indexOf(kindA), SUFFIXES.indexOf(kindB));
    if (order !== 0) return order;
  }
  if (a.length > b.length) return a[b.length]![0] === "p" ? 1 : -1;
  if (b.length > a.length) return b[a.length]![0] === "p" ? -1 : 1;
  return 0;
}

/** Implements algorithm 3.1 of PMS literally. */
function order(a: Version, b: Version): number {
  const rest = a.numbers.slice(1, b.numbers.length).map((one, i) => component(one, b.numbers[i + 1]!));
  const numbers = [integers(a.numbers[0]!, b.numbers[0]!), ...rest, compare(a.numbers.length, b.numbers.length)];
  const ends = [compare(a.letter, b.letter), suffixes(a.suffixes, b.suffixes), integers(a.revision, b.revision)];
  return [...numbers, ...ends].find((one) => one !== 0) ?? 0;
}

test("ver_test compares any two versions as the algorithms of PMS", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(pair, { minLength: 100, maxLength: 200 }), async (pairs) => {
      const lines = pairs.map(([a, b]) => {
        const [x, y] = [textOf(a), textOf(b)];
        return `for op in lt eq gt; do if ver_test ${x} -$op ${y}; then SRC_URI+=" $op"; fi; done`;
      });
      const { srcUri } = await fixture.metadata(`EAPI=8\n${lines.join("\n")}\n`);
      const found = srcUri.split(" ").map((op, i) => [...pairs[i]!.map(textOf), op]);
      const names = ["lt", "eq", "gt"];
      expect(found).toEqual(pairs.map(([a, b]) => [textOf(a), textOf(b), names[order(a, b) + 1]!]));
    }),
    { numRuns: 20 },
  );
});
