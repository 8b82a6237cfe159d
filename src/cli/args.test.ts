import { expect, test } from "bun:test";
import { parseArgs } from "./args.ts";

function parse(...argv: string[]) {
  const result = parseArgs(argv, "1.2.3");
  if ("exitCode" in result) throw new Error(result.stderr || result.stdout);
  return result;
}

function end(...argv: string[]) {
  const result = parseArgs(argv, "1.2.3");
  if ("exitCode" in result) return result;
  throw new Error("the command line was accepted");
}

test("serve is the default command", () => {
  expect(parse()).toEqual({
    command: "serve",
    operands: [],
    options: {},
    json: false,
    verbose: false,
    quiet: false,
    overrides: [],
  });
  expect(parse("--port", "0").command).toBe("serve");
});

test("options mean the same before and after the command", () => {
  const options = ["--config", "/f", "--json", "--verbose", "--set", "repo.evaluate=never", "--address=::1"];
  const after = parse("check", ...options);
  expect(after).toEqual(parse(...options, "check"));
  expect(after).toEqual({
    command: "check",
    operands: [],
    options: {},
    file: "/f",
    json: true,
    verbose: true,
    quiet: false,
    overrides: [
      { flag: "--verbose", path: "log.level", given: "debug" },
      { flag: "--set repo.evaluate", path: "repo.evaluate", given: "never" },
      { flag: "--address", path: "server.address", given: "::1" },
    ],
  });
});

test("repeated mirrors and repositories make one list in their order", () => {
  expect(
    parse("--mirror", "http://a", "--port", "1", "check", "--mirror", "http://b", "--repo", "/x").overrides,
  ).toEqual([
    { flag: "--port", path: "server.port", given: "1" },
    { flag: "--mirror", path: "fetcher.mirrors", given: ["http://a", "http://b"] },
    { flag: "--repo", path: "repo.repos", given: ["/x"] },
  ]);
});

test("the value of a setting may contain equals signs, or be empty", () => {
  expect(
    parse("--set", "fetcher.user_agent=a=b", "--set", "fetcher.proxy=").overrides.map(({ given }) => given),
  ).toEqual(["a=b", ""]);
});

test("--set log.level overrides --quiet in any order", () => {
  expect(parse("--set", "log.level=error", "--quiet").overrides.map(({ given }) => given)).toEqual(["warn", "error"]);
});

test("help and version go to standard output with exit code 0, for every command", () => {
  for (const argv of [["--version"], ["-v"], ["-V"], ["serve", "--version"], ["check", "--version"]]) {
    expect(end(...argv)).toEqual({ exitCode: 0, stdout: "portcache 1.2.3\n", stderr: "" });
  }
  for (const argv of [["--help"], ["-h"], ["help"], ["serve", "--help"], ["check", "--help"], ["help", "check"]]) {
    const { exitCode, stdout, stderr } = end(...argv);
    expect([exitCode, stderr]).toEqual([0, ""]);
    expect(stdout).toContain("portcache help options");
    for (const line of stdout.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
  }
  expect(end("help", "options")).toMatchObject({ exitCode: 0, stderr: "" });
  expect(end("help", "options").stdout).toContain("--set <SECTION.KEY=VALUE>");
});

test("the help of a command begins with its own options, and has those of all commands in one line", () => {
  const { stdout } = end("fetch", "--help");
  expect(stdout).toContain("--package <CAT/PKG>");
  expect(stdout).toContain("Examples:\n  portcache fetch --package");
  expect(stdout).not.toContain("--location");
});

test("all unknown flags are reported at once, each with the one that may be meant", () => {
  expect(end("fetch", "--pakage", "a/b", "--verson", "1", "--zzz").stderr).toBe(
    [
      "portcache: unknown option '--pakage' (did you mean --package?)",
      "portcache: unknown option '--verson' (did you mean --version?)",
      "portcache: unknown option '--zzz'",
      "",
    ].join("\n"),
  );
});

test("a wrong command line exits with 2 and one line that says what is wrong", () => {
  for (const [argv, ...parts] of [
    [["chekc"], "'chekc'", "did you mean check?"],
    [["qqqqq"], "'qqqqq'", "portcache --help lists them"],
    [["help", "chekc"], "did you mean check?"],
    [["check", "more"], "check"],
    [["--prot", "1"], "--prot", "--port"],
    [["check", "--colour"], "--colour"],
    [["--port"], "--port"],
    [["--set", "server.port"], "--set", '"server.port"', "SECTION.KEY=VALUE"],
    [["--set", "=1"], "--set", '"=1"'],
    [["--quiet", "--verbose"], "--quiet", "--verbose"],
  ] as const) {
    const { exitCode, stdout, stderr } = end(...argv);
    expect([argv, exitCode, stdout]).toEqual([argv, 2, ""]);
    expect(stderr).toMatch(/^portcache: [^\n]+\n$/);
    for (const part of parts) expect(stderr).toContain(part);
  }
});

test("resolve takes one or more file names, with options around them", () => {
  const { command, operands, json } = parse("resolve", "--json", "a.tar.gz", "b.zip");
  expect([command, operands, json]).toEqual(["resolve", ["a.tar.gz", "b.zip"], true]);
  expect(parse("resolve", "--", "-odd.tar").operands).toEqual(["-odd.tar"]);
  expect(end("resolve")).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("FILE") });
});

test("fetch has its own --version with a value", () => {
  const { operands, options } = parse(
    "--config",
    "/f",
    "fetch",
    "--package",
    "a/b",
    "--version",
    "1.2",
    "--package=c/d",
    "-",
  );
  expect([operands, options]).toEqual([["-"], { package: ["a/b", "c/d"], version: "1.2" }]);
  expect(end("fetch", "--version")).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("--version") });
  for (const flag of ["-v", "-V"])
    expect(end("fetch", flag)).toMatchObject({ exitCode: 0, stdout: "portcache 1.2.3\n" });
  expect(end("--config", "fetch", "--version")).toMatchObject({ exitCode: 0, stdout: "portcache 1.2.3\n" });
});
