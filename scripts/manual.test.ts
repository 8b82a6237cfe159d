/**
 * Tests the manual pages and the completions in the programs that read them: mandoc, bash, zsh, fish.
 */
import { afterAll, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { version } from "../package.json" with { type: "json" };
import { COMMANDS } from "../src/cli/commands.ts";
import { describeCommandLine, manualPage } from "../src/cli/manual.ts";
import { allSettings, pathOf, variableOf } from "../src/config/schema.ts";
import { executablePath, runExecutable } from "../src/testing/executable.ts";
import { writeRepository } from "../src/testing/repository.ts";
import { createTempFolder } from "../src/testing/temp.ts";

const folder = createTempFolder("portcache-manual-");
afterAll(() => folder.remove());
Bun.spawnSync([process.execPath, `${import.meta.dir}/manual.ts`, folder.path]);

const path = {
  command: folder.file("share/man/man1/portcache.1"),
  config: folder.file("share/man/man5/portcache.toml.5"),
  bash: folder.file("share/bash-completion/completions/portcache"),
  zsh: folder.file("share/zsh/site-functions/_portcache"),
  fish: folder.file("share/fish/vendor_completions.d/portcache.fish"),
};

// The completions ask the executable for packages.
const repository = writeRepository(folder.file("gentoo"));
for (const name of ["app-misc/hello", "app-text/tree"]) repository.put(name, { dist: {} });
const env = {
  ...process.env,
  PATH: `${dirname(executablePath())}:${process.env["PATH"]}`,
  PORTCACHE_REPO_REPOS: repository.location,
};

function run(...command: readonly string[]): string {
  const { stdout, stderr } = Bun.spawnSync([...command], { timeout: 30_000, env });
  return stdout.toString() + stderr.toString();
}

/** The page as plain text, without the bold of a terminal. */
function render(page: string): string {
  const overstruck = new RegExp(`.${String.fromCharCode(8)}`, "g");
  return run("mandoc", "-T", "utf8", "-O", "width=100", page).replace(overstruck, "").replace(/\s+/g, " ");
}

test("mandoc finds no fault with the pages, except that other pages are not on this machine", () => {
  const faults = run("mandoc", "-T", "lint", path.command, path.config).trim().split("\n");
  expect(faults.filter((line) => !line.includes("referenced manual not found"))).toEqual([]);
});

test("portcache(1) has every command and flag of --help", async () => {
  const page = render(path.command);
  const { commands, flags } = describeCommandLine(version);
  expect(commands.map(({ name }) => name)).toEqual([...Object.keys(COMMANDS), "help"]);
  for (const { names, value } of [...flags, ...commands.flatMap((command) => command.flags)]) {
    expect(page).toContain(`${names.join(", ")}${value === undefined ? "" : ` ${value}`}`);
  }
  for (const { name } of commands) {
    const { stdout } = await runExecutable([name === "help" ? "--help" : name, ...(name === "help" ? [] : ["--help"])]);
    for (const flag of stdout.match(/^ {2}(?:-\w, )?--[\w-]+/gm) ?? []) expect(page).toContain(flag.trim());
  }
});

test("portcache.toml(5) has every setting with its default, variable and description", () => {
  const page = render(path.config);
  for (const setting of allSettings()) {
    const { name, key } = setting;
    const preset = JSON.stringify(key.preset).replaceAll('","', '", "');
    expect(page).toContain(`${name} = ${preset} `);
    expect(page).toContain(variableOf(setting));
    expect(page).toContain(key.doc.replaceAll("`", "").replace(/\s+/g, " ").slice(0, 40));
  }
});

/** Types the line and a tab at the prompt of a real shell. @returns the completed line */
async function complete(shell: "bash" | "zsh", line: string): Promise<string> {
  const start = {
    bash: ["bash --norc --noprofile -i", `source ${path.bash}`],
    zsh: [
      "zsh -f -i",
      `fpath=(${folder.file("share/zsh/site-functions")} $fpath); autoload -Uz compinit; compinit -u -D`,
    ],
  }[shell];
  const script = `
    zmodload zsh/zpty
    cd ${folder.path}
    TERM=dumb zpty t '${start[0]}'
    zpty -w t '${start[1]}; echo RE""ADY'
    zpty -r t said '*READY*'
    # The line is not run, but made the operands of a command that shows them.
    zpty -n -w t $'${line}\\t\\001set -- \\005 ; echo WORDS "$@" END\\n'
    zpty -r t said '*WORDS portcache*END*'
    print -r -- "$said"
  `;
  // Under Bun.spawnSync() zsh at a terminal does not always answer.
  const zsh = Bun.spawn(["zsh", "-f", "-c", script], { stderr: "ignore", timeout: 30_000, env });
  const said = (await zsh.stdout.text()).replaceAll("\r", "");
  // Some shells end a folder with a slash.
  return /WORDS (portcache[^\n]*?)\/? END/.exec(said)?.[1] ?? said;
}

const cases: readonly (readonly [line: string, completed: string])[] = [
  ["portcache reso", "portcache resolve"],
  ["portcache --qui", "portcache --quiet"],
  ["portcache index --fu", "portcache index --full"],
  ["portcache --port 80 mirr", "portcache --port 80 mirrors"],
  ["portcache --set server.port=80 mirr", "portcache --set server.port=80 mirrors"],
  ["portcache --set storage.max_s", "portcache --set storage.max_size="],
  ["portcache --location sha", "portcache --location share"],
  ["portcache help ind", "portcache help index"],
  ["portcache completion zs", "portcache completion zsh"],
  ["portcache fetch --package app-te", "portcache fetch --package app-text"],
  ["portcache fetch --package app-misc/hel", "portcache fetch --package app-misc/hello"],
];

for (const shell of ["bash", "zsh"] as const) {
  test(`${shell} completes commands, flags, settings and folders`, async () => {
    for (const [line, completed] of cases) expect([line, await complete(shell, line)]).toEqual([line, completed]);
  }, 180_000);
}

function completeInFish(line: string): string[] {
  const said = run("fish", "--no-config", "-c", `cd ${folder.path}; source ${path.fish}; complete -C "${line}"`);
  return said
    .trim()
    .split("\n")
    .map((candidate) => candidate.split("\t", 1)[0]?.replace(/\/$/, "") ?? "");
}

test("fish completes commands, flags, settings and folders, and describes them", () => {
  expect(completeInFish("portcache ")).toEqual([...Object.keys(COMMANDS), "help"].toSorted());
  for (const [line, completed] of cases)
    expect([line, completeInFish(line)]).toEqual([line, [completed.split(" ").at(-1) ?? ""]]);
  expect(run("fish", "--no-config", "-c", `source ${path.fish}; complete -C "portcache che"`)).toContain(
    COMMANDS.check.summary,
  );
});

test("the executable prints its completions, which the shells can source, and its manual pages", async () => {
  for (const [shell, file] of [
    ["bash", path.bash],
    ["zsh", path.zsh],
    ["fish", path.fish],
  ] as const) {
    expect((await runExecutable(["completion", shell])).stdout).toBe(readFileSync(file, "utf8"));
  }
  expect(run("bash", "--norc", "-c", "source <(portcache completion bash); complete -p portcache")).toContain(
    "_portcache",
  );
  const zsh = "autoload -Uz compinit; compinit -u -D; source <(portcache completion zsh); print $_comps[portcache]";
  expect(run("zsh", "-f", "-c", zsh)).toBe("_portcache\n");
  expect(
    run("fish", "--no-config", "-c", "portcache completion fish | source; complete -C 'portcache clea'"),
  ).toStartWith("clean");
  expect(await runExecutable(["completion", "csh"])).toMatchObject({ exit: 2, stdout: "" });
  const page = (await runExecutable(["man", "fetch"])).stdout;
  for (const text of ["portcache-fetch", "--package", "EXAMPLES"]) expect(page).toContain(text);
  expect((await runExecutable(["man", "portcache.toml"])).stdout).toContain("max_size");
  expect(await runExecutable(["man", "nothing"])).toMatchObject({ exit: 2, stdout: "" });
  const bare = await runExecutable(["man", "fetch"], { env: { PATH: "/nowhere" } });
  expect([bare.exit, bare.stdout]).toEqual([0, (await runExecutable(["fetch", "--help"])).stdout]);
});

test("mandoc finds no fault with the page of any command", async () => {
  for (const name of Object.keys(COMMANDS)) {
    const file = folder.file(`portcache-${name}.1`);
    writeFileSync(file, manualPage(name, version)?.text ?? "");
    const faults = run("mandoc", "-T", "lint", file).trim().split("\n");
    expect([name, ...faults.filter((line) => line !== "" && !line.includes("referenced manual not found"))]).toEqual([
      name,
    ]);
  }
});

test("the shells find no fault with the completions", () => {
  expect(run("bash", "-n", path.bash) + run("zsh", "-n", path.zsh) + run("fish", "-n", path.fish)).toBe("");
  expect(run("shellcheck", "--shell=bash", path.bash)).toBe("");
  expect(readFileSync(path.zsh, "utf8")).toStartWith("#compdef portcache\n");
  expect(
    allSettings()
      .map(pathOf)
      .every((name) => readFileSync(path.zsh, "utf8").includes(name)),
  ).toBe(true);
});
