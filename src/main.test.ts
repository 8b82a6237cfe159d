import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { version } from "../package.json" with { type: "json" };
import { writeRepository } from "./testing/repository.ts";

const folder = mkdtempSync(`${tmpdir()}/portcache-main-`);
afterAll(() => rmSync(folder, { recursive: true }));

writeRepository(`${folder}/repository`).put("app-misc/one", { dist: { "one.zip": { size: 10, seed: 1 } } });

function run(argv: readonly string[], env: Record<string, string> = {}) {
  const { exitCode, stdout, stderr } = Bun.spawnSync([process.execPath, `${import.meta.dir}/main.ts`, ...argv], {
    cwd: "/",
    env: { HOME: folder, ...env },
  });
  return { exitCode, stdout: stdout.toString(), stderr: stderr.toString() };
}

test("--version prints the version of the package", () => {
  expect(run(["--version"])).toEqual({ exitCode: 0, stdout: `portcache ${version}\n`, stderr: "" });
});

test("an invalid setting exits with 2 and one line on standard error", () => {
  expect(run(["check", "--port", "abc"])).toEqual({
    exitCode: 2,
    stdout: "",
    stderr: 'portcache: --port: server.port: expected a whole number from 0 to 65535, got "abc"\n',
  });
  writeFileSync(`${folder}/bad.toml`, "[server]\nprot = 1\n");
  expect(run(["--config", `${folder}/bad.toml`])).toMatchObject({
    exitCode: 2,
    stderr: `portcache: ${folder}/bad.toml:2: unknown key prot in [server], did you mean server.port?\n`,
  });
});

test("check reads the environment, and exits with 1 if it finds problems", () => {
  const argv = ["check", "--json", "--location", `${folder}/store`, "--repo", `${folder}/repository`];
  const good = run(argv, { PORTCACHE_SERVER_PORT: "81" });
  expect([good.exitCode, good.stderr, JSON.parse(good.stdout).problems]).toEqual([0, "", []]);
  expect(JSON.parse(good.stdout).config.server.port).toEqual({ value: 81, origin: "environment" });
  expect(run([...argv, "--set", "fetcher.mirrors="]).exitCode).toBe(1);
});
