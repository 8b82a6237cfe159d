/**
 * Runs small crowds against the executable: floods of requests whose client leaves, and slow readers. scripts/storm/floods.ts and
 * scripts/storm/slow-readers.ts run large ones.
 */
import { expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { MAX_UNSENT_BYTES } from "../src/server/send-buffers.ts";
import { startExecutable } from "../src/testing/executable.ts";
import { startFakeUpstream } from "../src/testing/fake-upstream.ts";
import { openClient } from "../src/testing/socket-client.ts";
import { untilStored } from "../src/testing/stored.ts";
import { brokenBounds, FLOOD_KINDS, measureFlood } from "./storm/floods.ts";
import { maxGrowthBytes, measureSlowReaders } from "./storm/slow-readers.ts";

setDefaultTimeout(120_000);

test.each(FLOOD_KINDS.map((kind) => [kind] as const))(
  "a flood of requests (%s) whose client leaves keeps no other client waiting, and no memory",
  async (kind) => {
    expect(brokenBounds(await measureFlood(kind, undefined, 600))).toEqual([]);
  },
);

test("slow readers of a file that is coming in cost little memory, and hold up nobody", async () => {
  const clients = 1_000;
  const { grownBytes, healthMs } = await measureSlowReaders(clients, "incoming");
  expect(grownBytes).toBeLessThan(maxGrowthBytes(clients));
  expect(healthMs).toBeLessThan(2_000);
});

/** Returns how many bytes the kernel holds of what a server has given it to send (proc(5), tx_queue). */
function unsentBytes(port: number): number {
  const local = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  const lines = ["/proc/net/tcp", "/proc/net/tcp6"].flatMap((path) =>
    existsSync(path) ? readFileSync(path, "utf8").trim().split("\n").slice(1) : [],
  );
  return lines
    .map((line) => line.trim().split(/\s+/))
    .filter(([, address = ""]) => address.endsWith(local))
    .reduce((sum, [, , , , queues = ""]) => sum + Number.parseInt(queues.split(":")[0] ?? "0", 16), 0);
}

test("the kernel holds little of what a client does not take, and one that takes it gets all", async () => {
  const name = "large-1.0.tar.xz";
  const size = 48 * 1024 * 1024;
  await using mirror = await startFakeUpstream({ files: new Map([[name, { size, seed: 6 }]]) });
  await using server = await startExecutable({ settings: { fetcher: { mirrors: [mirror.url] } } });
  const url = `${server.url}/distfiles/${name}`;
  await (await fetch(url)).bytes();
  await untilStored(url);
  const { port } = new URL(server.url);
  const client = openClient(server.url, `/distfiles/${name}`);
  expect(await client.status).toBe(200);
  let before = -1;
  for (let i = 0; i < 100 && before !== unsentBytes(Number(port)); i++) {
    before = unsentBytes(Number(port));
    await Bun.sleep(100);
  }
  // What is on its way fits the client's own buffer, which it does not empty.
  expect(before).toBeGreaterThan(0);
  expect(before).toBeLessThan(MAX_UNSENT_BYTES + 512 * 1024);
  client.leave();
  expect((await (await fetch(url)).bytes()).length).toBe(size);
});
