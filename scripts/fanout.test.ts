/**
 * Fifty clients at once on one cold file, at a size that a test can wait for; fanout.ts tells of larger ones.
 */
import { expect, test } from "bun:test";
import { type FanOutResult, fanOut, isPrompt, MOST_GROWTH_BYTES } from "./fanout.ts";

const MIB = 1024 * 1024;
const CLIENTS = 50;
const SIZE = 32 * MIB;

function expectGood({ requests, clients, idle, peak }: FanOutResult): void {
  expect(requests).toBe(1);
  expect(clients.filter(({ right }) => !right).map(({ said }) => said)).toEqual([]);
  expect(clients.length).toBe(CLIENTS);
  expect(isPrompt(clients)).toBe(true);
  expect(peak.all - idle.all).toBeLessThan(MOST_GROWTH_BYTES);
}

test("fifty clients share one download of a slow mirror, each with its first byte at once, in bounded memory", async () => {
  const result = await fanOut({
    clients: CLIENTS,
    sizeBytes: SIZE,
    mirrorBytesPerSecond: 16 * MIB,
    slow: 0,
    slowBytesPerSecond: MIB,
  });
  expectGood(result);
  // Else the bytes would have been there before anybody could share anything.
  expect(Math.min(...result.clients.map(({ totalMs }) => totalMs))).toBeGreaterThan(1500);
}, 30_000);

test("twenty slow ones among them cost no more, and hold nobody up", async () => {
  const result = await fanOut({
    clients: CLIENTS,
    sizeBytes: SIZE,
    mirrorBytesPerSecond: 16 * MIB,
    slow: 20,
    slowBytesPerSecond: 4 * MIB,
  });
  expectGood(result);
  const totals = result.clients.map(({ totalMs }) => totalMs);
  // The median: one that was held up by a busy machine is let catch up by its own client.
  const slow = totals.slice(0, 20).sort((a, b) => a - b)[10];
  expect(slow).toBeGreaterThan(5000);
  expect(Math.max(...totals.slice(20))).toBeLessThan(slow ?? 0);
}, 30_000);
