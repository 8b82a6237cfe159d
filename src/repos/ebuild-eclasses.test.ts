import { afterAll, expect, test } from "bun:test";
import { createEbuildFixture } from "../testing/ebuilds.ts";

const fixture = createEbuildFixture();
afterAll(() => fixture[Symbol.dispose]());

test("of two folders with an eclass, the last one counts", async () => {
  fixture.eclass("both", "SRC_URI=master\n", "master");
  fixture.eclass("both", "SRC_URI=own\n", "own");
  fixture.eclass("inherited-only", "SRC_URI=from-master\n", "master");
  expect((await fixture.metadata("EAPI=8\ninherit both\n")).srcUri).toBe("own");
  expect((await fixture.metadata("EAPI=0\ninherit inherited-only\n")).srcUri).toBe("from-master");
});

test("eclasses are sourced in order, at every inherit, and each is reported once, after those that it inherits", async () => {
  fixture.eclass("leaf", "SRC_URI+=' leaf'\n");
  fixture.eclass("branch", "SRC_URI+=' branch('\ninherit leaf other\nSRC_URI+=' )'\n");
  fixture.eclass("other", 'SRC_URI+=" other:$ECLASS"\n');
  const text = `EAPI=8\ninherit branch other\ninherit leaf branch\nSRC_URI+=" \${ECLASS-none}$INHERITED"\n`;
  expect(await fixture.metadata(text)).toMatchObject({
    srcUri: "branch( leaf other:other ) other:other leaf branch( leaf other:other ) none leaf other branch",
    inherited: ["leaf", "other", "branch"],
  });
});

test("ECLASS is restored after a nested inherit, and unset in the ebuild", async () => {
  fixture.eclass("inner", ":\n");
  fixture.eclass("outer", 'inherit inner\nSRC_URI+=" $ECLASS"\n');
  expect((await fixture.metadata("EAPI=8\ninherit outer\n[[ ! -v ECLASS ]] || die\n")).srcUri).toBe("outer");
});

test("an eclass that is missing, or has an invalid name, fails", async () => {
  expect(await fixture.failure("EAPI=8\ninherit no-such\n")).toBe("inherits no-such, and there is no no-such.eclass");
  expect(await fixture.failure("EAPI=8\ninherit ../eclass/leaf\n")).toContain("which is not a valid name of an eclass");
  fixture.eclass("lost", "inherit no-such\n");
  expect(await fixture.failure("EAPI=8\ninherit lost 2>/dev/null || :\n")).toContain("there is no no-such.eclass");
});

test("inherit without names does nothing, and an empty name ends its list", async () => {
  fixture.eclass("fine", "SRC_URI=fine\n");
  expect((await fixture.metadata("EAPI=8\ninherit\ninherit '' no-such\ninherit fine '' no-such\n")).inherited).toEqual([
    "fine",
  ]);
});

test("an eclass that ends with a failure fails, and so does one that dies", async () => {
  fixture.eclass("false", "[[ a == b ]] && SRC_URI=x\n");
  fixture.eclass("dies", 'case $EAPI in 8) die "$ECLASS: EAPI $EAPI unsupported" ;; esac\n');
  expect(await fixture.failure("EAPI=8\ninherit false\n")).toBe("inherits false.eclass, which ends with status 1");
  expect(await fixture.failure("EAPI=8\ninherit dies\n")).toBe("died: dies: EAPI 8 unsupported");
});

test("an eclass may return early, and guard itself against a second inherit", async () => {
  fixture.eclass("early", "SRC_URI+=early\nreturn 0\nSRC_URI+=late\n");
  fixture.eclass("guarded", "if [[ -z $_GUARDED ]]; then\n_GUARDED=1\ninherit guarded\nSRC_URI+=' once'\nfi\n");
  expect((await fixture.metadata("EAPI=8\ninherit early guarded guarded\n")).srcUri).toBe("early once");
});

test("an eclass that inherits itself without end fails", async () => {
  fixture.eclass("endless", "inherit endless\n");
  expect(await fixture.failure("EAPI=8\ninherit endless\n")).toMatch(/maximum function nesting level/);
});

test("an eclass sees no arguments, and cannot change those of others", async () => {
  fixture.eclass("arguments", 'SRC_URI+=" $#"\nset -- a b c\n');
  expect((await fixture.metadata('EAPI=8\ninherit arguments arguments\nSRC_URI+=" $#"\n')).srcUri).toBe("0 0 0");
});

test("an eclass may set SRC_URI and HOMEPAGE, and the ebuild may change them", async () => {
  fixture.eclass("sets", "SRC_URI=https://example.org/$PN/$P.tgz\nHOMEPAGE=https://example.org\nS=$WORKDIR/x\n");
  expect(await fixture.metadata("EAPI=8\ninherit sets\nSRC_URI+=' b'\n")).toMatchObject({
    srcUri: "https://example.org/foo/foo-1.2.tgz b",
    homepage: "https://example.org",
  });
  expect((await fixture.metadata("EAPI=8\ninherit sets\nSRC_URI=mine\n")).srcUri).toBe("mine");
});

test("an eclass can build SRC_URI from a list of crates", async () => {
  fixture.eclass(
    "crates",
    `_crates_set_globals() {
  local crate regex='^([a-zA-Z0-9_-]+)@([0-9.]+)$'
  while read -d '' -r crate; do
    [[ $crate ]] || continue
    [[ $crate =~ $regex ]] || die "bad crate $crate"
    CARGO_CRATE_URIS+="https://crates.io/\${BASH_REMATCH[1]}/download -> \${BASH_REMATCH[1]}-\${BASH_REMATCH[2]}.crate "
  done < <(printf '%s\\0' $CRATES)
}
_crates_set_globals
cargo_crate_uris() { echo "$CARGO_CRATE_URIS"; }
`,
  );
  const crates = Array.from({ length: 400 }, (_, i) => `crate-${i}@1.${i}.0`);
  const text = `EAPI=8\nCRATES="\n\t${crates.join("\n\t")}\n"\ninherit crates\nSRC_URI="$CARGO_CRATE_URIS $(cargo_crate_uris)"\n`;
  const uris = crates.map((_, i) => `https://crates.io/crate-${i}/download -> crate-${i}-1.${i}.0.crate`).join(" ");
  expect((await fixture.metadata(text)).srcUri).toBe(`${uris} ${uris}`);
  expect(await fixture.failure(text.replace("crate-7@", "crate 7@"))).toBe("died: bad crate crate");
});

test.each(["7", "8"])(
  "what eclasses set of IUSE and DEPEND is kept apart from the ebuild's, in EAPI %s",
  async (eapi) => {
    const names = ["IUSE", "REQUIRED_USE", "DEPEND", "RDEPEND", "PDEPEND", "BDEPEND", "IDEPEND"];
    const unset = names.map((name) => `[[ ! -v ${name} ]] || die "${name} is set"\n`).join("");
    fixture.eclass("low", `${unset}${names.map((name) => `${name}=low\n`).join("")}`);
    fixture.eclass("high", `${unset}IUSE=high\ninherit low\n[[ $IUSE == high && ! -v DEPEND ]] || die high\n`);
    const set = names.map((name) => `${name}=mine\n`).join("");
    const same = names.map((name) => `[[ $${name} == mine ]] || die "${name} is not mine"\n`).join("");
    expect((await fixture.metadata(`EAPI=${eapi}\ninherit low\n${unset}${set}inherit high low\n${same}`)).eapi).toBe(
      eapi,
    );
  },
);

test("RESTRICT accumulates from EAPI 8 on, and before that the last assignment holds", async () => {
  fixture.eclass("mirror", `SEEN+=" \${RESTRICT-unset}"\nRESTRICT=mirror\nPROPERTIES=live\n`);
  fixture.eclass("fetch", 'RESTRICT=fetch\ninherit mirror\nSEEN+=" $RESTRICT"\n');
  const text = 'RESTRICT=test\nPROPERTIES=mine\ninherit fetch mirror\nHOMEPAGE="$RESTRICT $PROPERTIES $SEEN"\n';
  const of = async (eapi: string) => {
    const { restrict, homepage } = await fixture.metadata(`EAPI=${eapi}\n${text}`);
    return [restrict, homepage];
  };
  for (const eapi of ["0", "5", "7"]) expect(await of(eapi)).toEqual(["mirror", "mirror live fetch mirror mirror"]);
  for (const eapi of ["8", "9"])
    expect(await of(eapi)).toEqual(["test mirror fetch mirror", "test mine unset fetch unset"]);
});

test("EXPORT_FUNCTIONS defines phases at the end of the eclass, also in nested eclasses", async () => {
  fixture.eclass("inner-phases", "EXPORT_FUNCTIONS src_compile\ninner-phases_src_compile() { :; }\n");
  fixture.eclass(
    "phases",
    `EXPORT_FUNCTIONS src_unpack src_install
declare -F src_unpack && die early
inherit inner-phases
phases_src_unpack() { :; }
phases_src_install() { SRC_URI+=" phases $*"; }
declare -F src_unpack && die early
declare -F src_compile >/dev/null || die late
`,
  );
  expect((await fixture.metadata("EAPI=8\ninherit phases\nsrc_install 'a  b' c\ndeclare -F src_unpack\n")).srcUri).toBe(
    "phases a b c",
  );
});

test("EXPORT_FUNCTIONS of an undefined function, or outside of an eclass, fails", async () => {
  fixture.eclass("hollow", "EXPORT_FUNCTIONS src_test\n");
  expect(await fixture.failure("EAPI=8\ninherit hollow\n")).toBe(
    "inherits hollow.eclass, which has no hollow_src_test to export",
  );
  expect(await fixture.failure("EAPI=8\nEXPORT_FUNCTIONS src_test\n")).toBe(
    "calls EXPORT_FUNCTIONS outside of an eclass",
  );
});

test("the functions of the environment leave no variables behind, and change none", async () => {
  fixture.eclass("quiet", "quiet_src_test() { :; }\nEXPORT_FUNCTIONS src_test\n");
  const names = "word name status statuses order first last index text version a b p q x".split(" ");
  const text = `EAPI=8
${names.map((name) => `${name}=mine`).join("\n")}
inherit quiet
[[ a =~ a ]]
known=" known v $(compgen -v) "
inherit quiet; has a b a; ver_test 1.2_rc3-r4 -lt 1.2_p5; ver_cut 1 2 >/dev/null; ver_rs 1 - 2.3_rc3 >/dev/null
true | assert; nonfatal true; einfo x; eend 0
for v in $(compgen -v); do [[ "\${known//[[:space:]]/ }" == *" $v "* ]] || SRC_URI+=" $v"; done
${names.map((name) => `[[ $${name} == mine ]] || die ${name}`).join("\n")}
`;
  expect((await fixture.metadata(text)).srcUri).toBe("");
});

test("declarations in global scope are global, and functions see them", async () => {
  const text = `EAPI=8
declare -A MAP=([a]=one [b]=two)
declare -r CONSTANT=three
declare -i NUMBER=1+1
show() { SRC_URI="\${MAP[a]} \${MAP[b]} $CONSTANT $NUMBER"; }
show
`;
  expect((await fixture.metadata(text)).srcUri).toBe("one two three 2");
});
