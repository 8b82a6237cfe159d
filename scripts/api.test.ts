/**
 * Checks the API, metrics and events of the executable: that counts survive a kill, and that shutting down does not wait for
 * subscribers.
 */
import { expect, test } from "bun:test";
import { Validator } from "@seriousme/openapi-schema-validator";
import { startExecutable } from "../src/testing/executable.ts";
import { startFakeUpstream } from "../src/testing/fake-upstream.ts";
import { writeRepository } from "../src/testing/repository.ts";
import { createTempFolder } from "../src/testing/temp.ts";

const one = { size: 3000, seed: 1 };

test("OpenAPI and metrics pass their validators, and shutting down does not wait for subscribers", async () => {
  await using server = await startExecutable({ settings: { server: { drain: "60s" } } });
  const document = await (await fetch(`${server.url}/api/v1/openapi.json`)).text();
  expect(await new Validator().validate(JSON.parse(document))).toMatchObject({ valid: true });
  const check = Bun.spawn(["promtool", "check", "metrics"], {
    stdin: await fetch(`${server.url}/metrics`),
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr, exit] = await Promise.all([check.stdout.text(), check.stderr.text(), check.exited]);
  expect([stdout, stderr, exit]).toEqual(["", "", 0]);

  const watching = (await fetch(`${server.url}/api/v1/events`)).text();
  const startedAt = performance.now();
  expect(await server.stop()).toBe(0);
  // The drain would last a minute.
  expect(performance.now() - startedAt).toBeLessThan(20_000);
  expect(await watching).toStartWith("event: status\n");
}, 60_000);

test("counts survive kill -9, except those of the last seconds", async () => {
  using folder = createTempFolder();
  const repository = writeRepository(folder.file("repository"));
  repository.put("app-misc/one", { dist: { "one.zip": one } });
  await using mirror = await startFakeUpstream({ files: new Map([["one.zip", one]]) });
  const options = {
    location: folder.file("store"),
    settings: { fetcher: { mirrors: [mirror.url] }, repo: { repos: [repository.location] } },
  };
  const status = async (url: string) =>
    (await (await fetch(`${url}/api/v1/status`)).json()) as { all_time: { requests: number; bytes_sent: number } };
  {
    await using server = await startExecutable(options);
    for (let i = 0; i < 3; i++) await (await fetch(`${server.url}/distfiles/one.zip`)).bytes();
    expect((await status(server.url)).all_time).toMatchObject({ requests: 3, bytes_sent: 9000 });
    // Counts are written every five seconds.
    await Bun.sleep(6_000);
    await server.stop("SIGKILL");
  }
  await using server = await startExecutable(options);
  expect((await status(server.url)).all_time).toMatchObject({ requests: 3, bytes_sent: 9000 });
}, 60_000);
