import { afterAll, expect, test } from "bun:test";
import { createEbuildFixture } from "../testing/ebuilds.ts";

const fixture = createEbuildFixture();
afterAll(() => fixture[Symbol.dispose]());

const EAPIS = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];

/** Evaluates an ebuild of each EAPI, all in one bash; returns SRC_URI or the reason of the failure, by EAPI. */
async function inEachEapi(text: string): Promise<Readonly<Record<string, string>>> {
  const evaluations = await fixture.evaluateAll(
    Object.fromEntries(EAPIS.map((eapi) => [eapi, `EAPI=${eapi}\n${text}\n`])),
  );
  return Object.fromEntries(
    EAPIS.map((eapi) => {
      const evaluation = evaluations[eapi];
      return [eapi, evaluation?.kind === "evaluated" ? evaluation.metadata.srcUri : `it ${evaluation?.reason}`];
    }),
  );
}

/** Expands keys such as "0-5" to EAPIs. */
function byEapi(values: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const all = Object.entries(values).flatMap(([range, value]) => {
    const [first = 0, last = first] = range.split("-").map(Number);
    return EAPIS.slice(first, last + 1).map((eapi) => [eapi, value] as const);
  });
  return Object.fromEntries(all);
}

test("every EAPI from 0 to 9 is evaluated", async () => {
  expect(await inEachEapi('SRC_URI="https://example.org/$P.tar.gz"')).toEqual(
    Object.fromEntries(EAPIS.map((eapi) => [eapi, `https://example.org/foo-${eapi}.tar.gz`])),
  );
});

test("an unknown EAPI fails and is not sourced", async () => {
  expect(await fixture.failure("EAPI=10\nexit 7\n")).toBe("has the unknown EAPI 10");
  expect(await fixture.failure("EAPI=5-progress\nexit 7\n")).toBe("has the unknown EAPI 5-progress");
});

test("an EAPI that is set late, twice, or differs from the first line fails", async () => {
  expect(await fixture.failure("DESCRIPTION=x\nEAPI=8\n")).toBe("sets EAPI to 8, but its first line says 0");
  expect(await fixture.failure("EAPI=7\nEAPI=8\n")).toBe("sets EAPI to 8, but its first line says 7");
  expect(await fixture.failure("EAPI=8\nunset EAPI\n")).toBe("sets EAPI to 0, but its first line says 8");
  fixture.eclass("sets-eapi", "EAPI=7\n");
  expect(await fixture.failure("EAPI=8\ninherit sets-eapi\n")).toBe("sets EAPI to 7, but its first line says 8");
});

test("an EAPI that is empty or not set is 0", async () => {
  expect((await fixture.metadata("EAPI=\n")).eapi).toBe("0");
  expect((await fixture.metadata("DESCRIPTION=x\n")).eapi).toBe("0");
  expect((await fixture.metadata("DESCRIPTION=x\nEAPI=0\n")).eapi).toBe("0");
});

test.each<[string, string, Readonly<Record<string, string>>]>([
  ["has", "has b a b c && SRC_URI=yes; has x a || SRC_URI+=no; has '' a || SRC_URI+=no", { "0-9": "yesnono" }],
  ["hasq", "hasq b a b && SRC_URI=yes", { "0-7": "yes", "8-9": "it runs the command hasq" }],
  ["hasv", 'SRC_URI="$(hasv b a b)$(hasv x a || :)"', { "0-7": "b", "8-9": "it runs the command hasv" }],
  ["get_libdir", "SRC_URI=$(get_libdir)", { "0-5": "it runs the command get_libdir", "6-9": "lib" }],
  ["nonfatal", "nonfatal eval SRC_URI=yes", { "0-3": "it runs the command nonfatal", "4-9": "yes" }],
  ["assert", "true | true; assert a; SRC_URI=yes", { "0-8": "yes", "9": "it runs the command assert" }],
  ["a failing assert", "false | true; assert not so", { "0-8": "it died: not so", "9": "it runs the command assert" }],
  ["die", "die a  b", { "0-9": "it died: a b" }],
  [
    "die -n",
    "nonfatal die -n soft; SRC_URI=$?",
    { "0-3": "it runs the command nonfatal", "4-5": "it died: -n soft", "6-9": "1" },
  ],
  ["die -n without nonfatal", "die -n hard", { "0-5": "it died: -n hard", "6-9": "it died: hard" }],
  [
    "die after nonfatal",
    "nonfatal true; die -n hard",
    { "0-3": "it runs the command nonfatal", "4-5": "it died: -n hard", "6-9": "it died: hard" },
  ],
  ["edo", "edo true", { "0-9": "it runs the command edo" }],
  ["pipestatus", "pipestatus", { "0-9": "it runs the command pipestatus" }],
  ["insinto", "insinto /", { "0-9": "it runs the command insinto" }],
])("%s exists as the EAPI defines it", async (_, text, expected) => {
  expect(await inEachEapi(text)).toEqual(byEapi(expected));
});

test("message and debug functions exist, and print nothing", async () => {
  const names = "einfo einfon elog ewarn eerror eqawarn ebegin debug-print debug-print-function debug-print-section";
  const calls = names.split(" ").map((name) => `${name} "to be seen" by -n nobody || die`);
  const text = `EAPI=8\n${calls.join("\n")}\neend 0 || die\neend 3 bad; SRC_URI=$?$(einfo x)$(debug-print y)\n`;
  expect((await fixture.metadata(text)).srcUri).toBe("3");
});

test.each([
  "use",
  "useq",
  "usev",
  "usex",
  "use_with",
  "use_enable",
  "in_iuse",
  "has_version",
  "best_version",
  "portageq",
])("%s dies in global scope, wherever it is called", async (name) => {
  expect(await fixture.failure(`EAPI=8\n${name} x\n`)).toBe(`calls ${name} in global scope`);
  expect(await fixture.failure(`EAPI=8\nx=$(${name} x 2>&1 || :)\n`)).toBe(`calls ${name} in global scope`);
  expect((await fixture.metadata(`EAPI=8\nsrc_compile() { ${name} x; }\n`)).eapi).toBe("8");
});

test("external commands die, also where their status is ignored", async () => {
  for (const text of [
    "sed s/a/b/",
    "x=$(cat /etc/passwd 2>/dev/null)",
    "tr a b &>/dev/null || :",
    "x=$(echo a | grep a)",
  ]) {
    expect(await fixture.failure(`EAPI=8\n${text}\n`)).toMatch(/^runs the command (sed|cat|tr|grep)/);
  }
  expect((await fixture.metadata("EAPI=8\ntype -P sed >/dev/null || SRC_URI=none\n")).srcUri).toBe("none");
});

test("variables describe the package, and PVR has a revision only where the name has one", async () => {
  const text = 'EAPI=8\nSRC_URI="$CATEGORY $PN $PV $PR $PVR $P $PF $EBUILD_PHASE"\n[[ $S == $WORKDIR/$P ]] || die S\n';
  const srcUri = async (version: string) => (await fixture.metadata(text, version)).srcUri;
  expect(await srcUri("1.2")).toBe("app-misc foo 1.2 r0 1.2 foo-1.2 foo-1.2 depend");
  expect(await srcUri("1.2-r03")).toBe("app-misc foo 1.2 r03 1.2-r03 foo-1.2 foo-1.2-r03 depend");
  expect(await srcUri("1.2-r0")).toBe("app-misc foo 1.2 r0 1.2-r0 foo-1.2 foo-1.2-r0 depend");
});

test("variables for folders are absolute, and variables of ebuilds are unset before", async () => {
  const names = "FILESDIR DISTDIR WORKDIR S T HOME TMPDIR"
    .split(" ")
    .map((name) => `[[ $${name} == /* ]] || die ${name}`);
  const unset =
    "DEPEND RDEPEND PDEPEND BDEPEND IDEPEND IUSE REQUIRED_USE PROPERTIES RESTRICT SRC_URI HOMEPAGE INHERITED ECLASS E_IUSE CDPATH BASH_ENV GLOBIGNORE";
  const text = `for v in ${unset}; do [[ ! -v $v ]] || die $v; done\n${names.join("\n")}\n[[ -z $USE$EPREFIX ]] || die`;
  expect((await fixture.metadata(`[[ ! -v EAPI ]] || die EAPI\n${text}`)).eapi).toBe("0");
  expect(await inEachEapi(text)).toEqual(byEapi({ "0-9": "" }));
});

test("BASH_COMPAT is as the EAPI requires, and not exported", async () => {
  const [version] = Bun.spawnSync(["bash", "-c", "echo $((BASH_VERSINFO[0]*100+BASH_VERSINFO[1]))"])
    .stdout.toString()
    .split("\n");
  const newest = Number(version) >= 503 ? "5.3" : "";
  expect(
    await inEachEapi('SRC_URI=$BASH_COMPAT; [[ $(declare -p BASH_COMPAT 2>/dev/null) != *" -x "* ]] || die'),
  ).toEqual(byEapi({ "0-5": "3.2", "6-7": "4.2", "8": "5.0", "9": newest }));
});

test("a pattern without a match fails from EAPI 6 on, and stays as it is before", async () => {
  const found = await inEachEapi("for x in no-such-*; do SRC_URI=$x; done");
  expect(found["5"]).toBe("no-such-*");
  expect(Object.values(found).map((value) => value.includes("no match: no-such-*"))).toEqual(
    EAPIS.map((eapi) => eapi > "5"),
  );
  expect(Object.values(found).map((value) => value.startsWith("it ends early"))).toEqual(
    EAPIS.map((eapi) => eapi > "5"),
  );
});

test("no pattern matches files of the machine", async () => {
  expect((await fixture.metadata('EAPI=5\nfor x in [a-o]* [q-z]*; do SRC_URI+=" $x"; done\n')).srcUri).toBe(
    "[a-o]* [q-z]*",
  );
});

test("shell options are those of Portage", async () => {
  const text =
    'for o in extglob nullglob globskipdots patsub_replacement expand_aliases dotglob; do shopt -q $o && SRC_URI+="$o "; done; :';
  expect(await inEachEapi(text)).toEqual(byEapi({ "0-9": "expand_aliases" }));
  expect((await fixture.metadata(`EAPI=8\nx=ab\nSRC_URI=\${x/a/[&]}$-$#\n`)).srcUri).toMatch(/^\[&\]b[hBc]+0$/);
});

test("extglob and aliases work where the ebuild turns them on", async () => {
  const extglob = `EAPI=8\nshopt -s extglob\nx=aab\nSRC_URI=\${x##+(a)}\nshopt -u extglob\n`;
  expect((await fixture.metadata(extglob)).srcUri).toBe("b");
  expect((await fixture.metadata("EAPI=8\nalias set_it='SRC_URI=x; :'\nset_it\n")).srcUri).toBe("x");
});

test("here-strings, here-documents and process substitution work in every EAPI", async () => {
  const text = `read -r a <<< "one"
read -r b <<EOT
two
EOT
while read -r line; do c+=$line; done < <(printf '%s\\n' thr ee)
mapfile -t d < <(echo four)
SRC_URI="$a $b $c $d"`;
  expect(await inEachEapi(text)).toEqual(byEapi({ "0-9": "one two three four" }));
});

test("runs of white space become one blank", async () => {
  const text =
    'EAPI=8\nSRC_URI="\n\thttps://a/b\t ->  c\n\n\tx? (\n\t\td )\n"\nHOMEPAGE=" https://a\n https://b "\nRESTRICT=$\'\\n fetch \\t\'\n';
  expect(await fixture.metadata(text)).toMatchObject({
    srcUri: "https://a/b -> c x? ( d )",
    homepage: "https://a https://b",
    restrict: "fetch",
  });
});

test("values are not interpreted as patterns, options or escapes", async () => {
  const text = "EAPI=8\nSRC_URI='-n * ? [a-z] \\n ~ $HOME `x` {a,b}'\n";
  expect((await fixture.metadata(text)).srcUri).toBe("-n * ? [a-z] \\n ~ $HOME `x` {a,b}");
});

test("a SRC_URI of 400 KB is complete", async () => {
  const uri = "https://example.org/a/rather/long/path/to/some/file/that/is/wanted-";
  const { srcUri } = await fixture.metadata(`EAPI=8\nfor ((i = 0; i < 6000; i++)); do SRC_URI+=" ${uri}$i"; done\n`);
  expect(srcUri.length).toBeGreaterThan(400_000);
  expect(srcUri).toBe(Array.from({ length: 6000 }, (_, i) => `${uri}${i}`).join(" "));
});

test("an ebuild with invalid UTF-8 is evaluated", async () => {
  expect((await fixture.metadata("EAPI=8\nSRC_URI=$'\\xff\\xc3\\xa4'\n")).srcUri).toBe("\ufffdä");
});
