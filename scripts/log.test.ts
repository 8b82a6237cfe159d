/**
 * Tests the log of the executable: one line for each request whatever its outcome, no secrets, no stacks for expected errors.
 */
import { expect, test } from "bun:test";
import { startExecutable } from "../src/testing/executable.ts";
import { startFakeUpstream } from "../src/testing/fake-upstream.ts";
import { writeRepository } from "../src/testing/repository.ts";
import { createTempFolder } from "../src/testing/temp.ts";

const one = { size: 3000, seed: 1 };
/** Large enough to be streamed, and fetched from several sources at once. */
const large = { size: 6 * 1024 * 1024, seed: 4 };

test("each request is one line of JSON with its client, file, outcome, bytes, time and source, without secrets or stacks", async () => {
  using folder = createTempFolder();
  const repository = writeRepository(folder.file("repository"));
  repository.put("app-misc/one", {
    dist: { "one.zip": one, "large.zip": large, "broken.zip": { size: 9, seed: 2 }, "gone.zip": { size: 8, seed: 3 } },
  });
  await using mirror = await startFakeUpstream({
    files: new Map([
      ["one.zip", one],
      ["large.zip", large],
      ["broken.zip", { size: 9, seed: 2 }],
    ]),
  });
  mirror.setFault("broken.zip", { kind: "status", status: 500 });
  await using server = await startExecutable({
    settings: {
      server: { admin_token: "top-secret" },
      fetcher: { mirrors: [mirror.url.replace("//", "//me:hidden@"), "http://you:hidden@127.0.0.1:1"], read_ahead: 0 },
      repo: { repos: [repository.location] },
      log: { format: "json" },
    },
  });
  for (const name of ["large.zip", "one.zip", "one.zip", "broken.zip", "gone.zip", "%1b%5b31m", "x%0ay"]) {
    await (await fetch(`${server.url}/distfiles/${name}`)).bytes();
  }
  await fetch(`${server.url}/api/v1/rescan`, {
    method: "POST",
    headers: { authorization: "Bearer top-secret-guess", "content-type": "application/json" },
    body: "{}",
  });
  expect(await server.stop()).toBe(0);
  const text = server.log();
  for (const secret of ["hidden", "top-secret", "    at ", "\x1b", "\r"])
    expect([secret, text.includes(secret)]).toEqual([secret, false]);
  const lines = text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  const requests = lines.filter((line) => "outcome" in line);
  expect(requests.map(({ file, outcome, status, bytes }) => [file, outcome, status, bytes])).toEqual([
    ["large.zip", "miss", 200, large.size],
    ["one.zip", "miss", 200, 3000],
    ["one.zip", "hit", 200, 3000],
    // A mirror that accepts no connection fails or times out, depending on which of its files was requested.
    ["broken.zip", expect.stringMatching(/failed|timed-out/), expect.any(Number), 0],
    ["gone.zip", expect.stringMatching(/failed|timed-out/), expect.any(Number), 0],
    ["/distfiles/%1b%5b31m", "bad name", 400, 0],
    ["/distfiles/x%0ay", "bad name", 400, 0],
  ]);
  expect(requests[0]?.["source"]).toMatch(/^http:\/\/\*\*\*@127\.0\.0\.1:\d+\/distfiles\/.*\/large\.zip$/);
  for (const { client, milliseconds, source } of requests) {
    expect([client, typeof milliseconds, typeof source]).toEqual(["127.0.0.1", "number", "string"]);
  }
  expect(lines.find(({ message }) => String(message).includes("Refused rescan from"))?.["level"]).toBe("warning");
}, 30_000);
