/**
 * Lets fifty clients fetch one cold file at once, of a size that suits a test; fanout.ts measures larger ones.
 */
import { expect, test } from "bun:test";
import { type FanOutResult, fanOut, isPrompt, MAX_GROWTH_BYTES } from "./fanout.ts";

const MIB = 1024 * 1024;
const CLIENTS = 50;
const SIZE = 32 * MIB;

function expectGood({ requests, clients, idle, peak }: FanOutResult): void {
  expect(requests).toBe(1);
  expect(clients.filter(({ right }) => !right).map(({ said }) => said)).toEqual([]);
  expect(clients.length).toBe(CLIENTS);
  expect(isPrompt(clients)).toBe(true);
  expect(peak.all - idle.all).toBeLessThan(MAX_GROWTH_BYTES);
}

test("fifty clients share one download from a slow mirror, get their first bytes early, and memory stays bounded", async () => {
  const result = await fanOut({
    clients: CLIENTS,
    sizeBytes: SIZE,
    mirrorBytesPerSecond: 16 * MIB,
    slow: 0,
    slowBytesPerSecond: MIB,
  });
  expectGood(result);
  // Shorter transfers would end before they could be shared.
  expect(Math.min(...result.clients.map(({ totalMs }) => totalMs))).toBeGreaterThan(1500);
}, 30_000);

test("twenty slow clients among them cause no further requests and delay no other client", async () => {
  const result = await fanOut({
    clients: CLIENTS,
    sizeBytes: SIZE,
    mirrorBytesPerSecond: 16 * MIB,
    slow: 20,
    slowBytesPerSecond: 4 * MIB,
  });
  expectGood(result);
  const totals = result.clients.map(({ totalMs }) => totalMs);
  // The median, because a slow client that a busy machine delayed may catch up.
  const slow = totals.slice(0, 20).sort((a, b) => a - b)[10];
  expect(slow).toBeGreaterThan(5000);
  expect(Math.max(...totals.slice(20))).toBeLessThan(slow ?? 0);
}, 30_000);
