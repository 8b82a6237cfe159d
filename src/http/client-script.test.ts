/** Runs client.sh under every shell that is here, and compares what it makes of files with `portcache client`'s own functions. */
import { afterAll, describe, expect, test } from "bun:test";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { findOwnLine, remove, switchOff, switchOn, switchTo } from "../cli/client-mirrors-file.ts";
import { createTempFolder } from "../testing/temp.ts";
import { clientScript } from "./client-script.ts";

const URL_HERE = "http://cachebox:8000";
const folder = createTempFolder("portcache-client-script-");
const script = folder.file("client.sh");
writeFileSync(script, await scriptFor(URL_HERE).text());
afterAll(() => folder.remove());

function scriptFor(url: string): Response {
  return clientScript(new Request(`${url}/client.sh`, { headers: { host: new URL(url).host } }));
}

const SHELLS = [["dash"], ["bash", "--posix"], ["busybox", "sh"]].filter(
  ([program = ""]) => Bun.which(program) !== null,
);

let roots = 0;

/** Makes a root with that file of mirrors; none if undefined. */
function makeRoot(text: string | undefined): { root: string; file: string } {
  const root = folder.file(`root-${roots++}`);
  mkdirSync(`${root}/etc/portage`, { recursive: true });
  const file = `${root}/etc/portage/mirrors`;
  if (text !== undefined) writeFileSync(file, text);
  return { root, file };
}

function run(shell: readonly string[], ...args: readonly string[]) {
  const { exitCode, stdout, stderr } = Bun.spawnSync([...shell, script, ...args]);
  return { exitCode, out: stdout.toString(), err: stderr.toString() };
}

const TEXTS = [
  "",
  "# only a comment\n",
  "# comment\n\nlocal http://other:1 http://another:2/\ngentoo http://x\n",
  `local ${URL_HERE}\n`,
  `local http://other:1 ${URL_HERE}/ # mine\n`,
  `local ${URL_HERE} # portcache\n`,
  `a b\n#local ${URL_HERE} # portcache\nlocal http://z # portcache\n`,
  "local http://old:8000/ # portcache\n",
  "  # local http://old:8000   #portcache  \n\tlocal\thttp://cachebox:8000//\n",
  `#local ${URL_HERE}\nlocalhost ${URL_HERE}\nlocal # ${URL_HERE}\n`,
];

const EDITS = {
  write: (text: string) => switchTo(text, URL_HERE),
  off: (text: string) => switchOff(text, URL_HERE),
  on: (text: string) => switchOn(text),
  remove: (text: string) => remove(text, URL_HERE),
} as const;

test("dash, bash and BusyBox are among the shells", () => {
  expect(SHELLS.map(([name]) => name)).toEqual(["dash", "bash", "busybox"]);
});

describe.each(SHELLS.map((shell) => [shell.join(" "), shell] as const))("under %s", (_name, shell) => {
  for (const [edit, change] of Object.entries(EDITS)) {
    test.each(TEXTS)(
      `--${edit} makes of %j what portcache client makes of it, and nothing more the second time`,
      (text) => {
        const wanted = change(text);
        const { root, file } = makeRoot(text);
        const first = run(shell, URL_HERE, `--${edit}`, "--root", root);
        expect([first.exitCode, readFileSync(file, "utf8")]).toEqual([wanted === undefined ? 1 : 0, wanted ?? text]);
        if (edit === "remove" || wanted === undefined) return;
        const before = statSync(file).ino;
        expect(run(shell, URL_HERE, `--${edit}`, "--root", root).exitCode).toBe(0);
        expect(statSync(file).ino).toBe(before);
      },
    );
  }

  test("without an option it shows the line with the server's address, and writes nothing", () => {
    const { root, file } = makeRoot(undefined);
    const { out, exitCode } = run(shell, "--root", root);
    expect([exitCode, existsSync(file)]).toEqual([0, false]);
    expect(out).toContain(`  local ${URL_HERE}\n`);
    expect(out).toContain("It is not there");
  });

  test("a file of a folder gets the line, and one that has it keeps it", () => {
    const { root, file } = makeRoot(undefined);
    mkdirSync(file);
    expect(run(shell, "--write", "--root", root).exitCode).toBe(0);
    expect(readFileSync(`${file}/00-portcache`, "utf8")).toBe(`local ${URL_HERE} # portcache\n`);
    writeFileSync(`${file}/00-portcache`, "");
    writeFileSync(`${file}/50-lan`, "local http://old:1 # portcache\n");
    expect(run(shell, "http://new:2/", "--write", "--root", root).exitCode).toBe(0);
    expect(findOwnLine(readFileSync(`${file}/50-lan`, "utf8"))).toEqual({ url: "http://new:2", on: true });
    expect(readFileSync(`${file}/00-portcache`, "utf8")).toBe("");
  });

  test("a link stays a link, and modes stay", () => {
    const { root, file } = makeRoot(undefined);
    writeFileSync(`${root}/real`, "gentoo http://x\n", { mode: 0o640 });
    symlinkSync(`${root}/real`, file);
    expect(run(shell, "--write", "--root", root).exitCode).toBe(0);
    expect([lstatSync(file).isSymbolicLink(), statSync(file).mode & 0o777]).toEqual([true, 0o640]);
    expect(readFileSync(file, "utf8")).toBe(`local ${URL_HERE} # portcache\ngentoo http://x\n`);
  });

  test("on a read-only /etc it says so and changes nothing, but what needs no change is no error", () => {
    const { root, file } = makeRoot("# mine\n");
    const etc = `${root}/etc`;
    const readOnly = ["bwrap", "--dev-bind", "/", "/", "--ro-bind", etc, etc, "--"];
    for (const text of ["# mine\n", undefined]) {
      if (text === undefined) rmSync(file);
      const { exitCode, err } = run([...readOnly, ...shell], "--write", "--root", root);
      expect([exitCode, err]).toEqual([1, expect.stringContaining(`client.sh: cannot write ${file}\n`)]);
      expect(readdirSync(`${etc}/portage`)).toEqual(text === undefined ? [] : ["mirrors"]);
    }
    expect(run(shell, "--write", "--root", root).exitCode).toBe(0);
    const again = run([...readOnly, ...shell], "--write", "--root", root);
    expect([again.exitCode, again.err, again.out]).toEqual([0, "", `${file} needs no change\n`]);
  });

  test.each([
    [["--write", "--off"], "cannot be used with"],
    [["ftp://x", "--write"], "wrong URL 'ftp://x'"],
    [["http://x/distfiles", "--write"], "without /distfiles"],
    [["http://x y", "--write"], "wrong URL"],
    [["--frobnicate"], "unknown option"],
  ])("%j is refused, and nothing is written", (args, message) => {
    const { root, file } = makeRoot("# mine\n");
    const { exitCode, err } = run(shell, ...args, "--root", root);
    expect([exitCode, readFileSync(file, "utf8")]).toEqual([2, "# mine\n"]);
    expect(err).toContain(message);
  });
});

test("a Host that is no name makes its way into no script", async () => {
  const request = new Request("http://x/client.sh", { headers: { host: "x';reboot;'" } });
  const text = await clientScript(request).text();
  expect(text).toContain("fetched_from=''");
  expect(text).not.toContain("reboot");
  expect(await scriptFor("http://[::1]:8000").text()).toContain("fetched_from='http://[::1]:8000'");
});
