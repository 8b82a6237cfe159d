import { expect, test } from "bun:test";
import fc from "fast-check";
import { createFakeClock, type FakeClock } from "../testing/fake-clock.ts";
import { createRateLimit, type RateLimit } from "./rate-limit.ts";

const KIB = 1024;
const MIB = 1024 * KIB;
/** More than any piece of the platform. */
const MAX_PIECE = 256 * KIB;
const never = new AbortController().signal;

interface Transfer {
  bytes: number;
  /** When the last byte came. */
  endedAt: number | undefined;
  readonly stop: AbortController;
}

/** Reads so many bytes as a download does, from a source that sends at once. */
function startTransfer(
  limit: RateLimit,
  clock: FakeClock,
  size: number,
  { awaited = true, pieceBytes = 64 * KIB }: { readonly awaited?: boolean; readonly pieceBytes?: number } = {},
): Transfer {
  const transfer: Transfer = { bytes: 0, endedAt: undefined, stop: new AbortController() };
  const share = limit.enter(() => awaited);
  async function run(): Promise<void> {
    try {
      while (transfer.bytes < size) {
        await share.turn(transfer.stop.signal);
        const piece = Math.min(pieceBytes, size - transfer.bytes);
        share.received(piece);
        transfer.bytes += piece;
      }
      transfer.endedAt = clock.now();
    } catch (error) {
      if (!transfer.stop.signal.aborted) throw error;
    } finally {
      share.leave();
    }
  }
  void run();
  return transfer;
}

const sumOf = (transfers: readonly Transfer[]) => transfers.reduce((sum, { bytes }) => sum + bytes, 0);

test("without a limit nobody waits for a turn", () => {
  const share = createRateLimit(() => undefined, createFakeClock()).enter(() => true);
  expect(share.turn(never)).toBeUndefined();
});

test("twenty downloads together receive what the limit says, and each a twentieth", async () => {
  const clock = createFakeClock();
  const limit = createRateLimit(() => 4 * MIB, clock);
  const transfers = Array.from({ length: 20 }, () => startTransfer(limit, clock, 100 * MIB));
  await clock.advance(60_000);
  expect(sumOf(transfers) / (240 * MIB)).toBeCloseTo(1, 2);
  for (const { bytes } of transfers) expect(Math.abs(bytes - 12 * MIB)).toBeLessThanOrEqual(5 * 64 * KIB);
  for (const { stop } of transfers) stop.abort();
});

test("a small file passes large ones that came before it", async () => {
  const clock = createFakeClock();
  const limit = createRateLimit(() => 4 * MIB, clock);
  const large = Array.from({ length: 20 }, () => startTransfer(limit, clock, 100 * MIB));
  await clock.advance(5_000);
  const beganAt = clock.now();
  const small = startTransfer(limit, clock, 60 * KIB);
  await clock.advance(2_000);
  expect((small.endedAt ?? Number.POSITIVE_INFINITY) - beganAt).toBeLessThan(100);
  for (const { stop } of large) stop.abort();
});

test("small files that come one after the other leave large ones a part", async () => {
  const clock = createFakeClock();
  const limit = createRateLimit(() => MIB, clock);
  const large = [startTransfer(limit, clock, 100 * MIB), startTransfer(limit, clock, 100 * MIB)];
  const small: Transfer[] = [];
  for (let i = 0; i < 200; i++) {
    small.push(startTransfer(limit, clock, 64 * KIB));
    await clock.advance(50);
  }
  expect(sumOf(large)).toBeGreaterThan(0.75 * MIB);
  expect(sumOf(small)).toBeGreaterThan(4 * MIB);
  for (const { stop } of large) stop.abort();
});

test("files that clients wait for go before those that are fetched ahead, which take what is left", async () => {
  const clock = createFakeClock();
  const limit = createRateLimit(() => MIB, clock);
  const ahead = Array.from({ length: 8 }, () => startTransfer(limit, clock, 100 * MIB, { awaited: false }));
  await clock.advance(2_000);
  const before = sumOf(ahead);
  expect(before).toBeGreaterThan(1.9 * MIB);
  const awaited = startTransfer(limit, clock, 4 * MIB);
  await clock.advance(3_900);
  expect(sumOf(ahead) - before).toBeLessThan(0.1 * awaited.bytes);
  expect(awaited.bytes).toBeGreaterThan(3.4 * MIB);
  await clock.advance(2_000);
  expect(awaited.endedAt).toBeDefined();
  expect(sumOf(ahead) - before).toBeGreaterThan(1.5 * MIB);
  for (const { stop } of ahead) stop.abort();
});

test("another limit, or none, holds at once, also for those that wait", async () => {
  const clock = createFakeClock();
  let rate: number | undefined = 64 * KIB;
  const limit = createRateLimit(() => rate, clock);
  const transfers = Array.from({ length: 4 }, () => startTransfer(limit, clock, 8 * MIB));
  await clock.advance(4_000);
  expect(sumOf(transfers)).toBeLessThan(2 * 4 * 64 * KIB);
  rate = MIB;
  const before = sumOf(transfers);
  await clock.advance(2_000);
  expect((sumOf(transfers) - before) / (2 * MIB)).toBeCloseTo(1, 0);
  rate = undefined;
  await clock.advance(500);
  expect(sumOf(transfers)).toBe(32 * MIB);
});

test("a source that sends nothing holds up nobody else, and what it was charged is given back when it ends", async () => {
  const clock = createFakeClock();
  const limit = createRateLimit(() => MIB, clock);
  const silent = limit.enter(() => true);
  await silent.turn(never);
  const transfer = startTransfer(limit, clock, 2 * MIB);
  await clock.advance(2_200);
  expect(transfer.endedAt).toBeDefined();
  silent.leave();
});

test("a download that is stopped leaves its turn to others", async () => {
  const clock = createFakeClock();
  const limit = createRateLimit(() => 64 * KIB, clock);
  const stopped = startTransfer(limit, clock, MIB);
  const other = startTransfer(limit, clock, MIB);
  await clock.advance(1_000);
  stopped.stop.abort(new Error("stopped"));
  const before = other.bytes;
  await clock.advance(10_000);
  expect(other.bytes - before).toBeGreaterThanOrEqual(9 * 64 * KIB);
  other.stop.abort();
});

test("whatever comes and goes, the limit holds in any time, nothing of it is lost, and all files end", async () => {
  const kib = (min: number, max: number) => fc.integer({ min: min * KIB, max: max * KIB });
  const transfers = fc.array(
    fc.record({ size: kib(1, 1024), pieceBytes: kib(1, 256), awaited: fc.boolean(), afterMs: fc.nat(800) }),
    { minLength: 1, maxLength: 12 },
  );
  await fc.assert(
    fc.asyncProperty(kib(256, 8192), transfers, async (rate, plans) => {
      const clock = createFakeClock();
      const limit = createRateLimit(() => rate, clock);
      const started: Transfer[] = [];
      const beganAt = clock.now();
      let elapsed = 0;
      for (const { size, afterMs, ...how } of plans) {
        started.push(startTransfer(limit, clock, size, how));
        await clock.advance(afterMs);
        elapsed += afterMs;
        const most = (rate * (elapsed + 200)) / 1000 + MAX_PIECE;
        expect(sumOf(started)).toBeLessThanOrEqual(most);
      }
      const total = plans.reduce((sum, { size }) => sum + size, 0);
      // Each piece waits for a whole millisecond at most longer than it has to, of which a burst makes up.
      await clock.advance((1000 * total) / rate + 500);
      expect(started.map(({ endedAt }) => endedAt !== undefined)).toEqual(plans.map(() => true));
      const lastAt = Math.max(...started.map(({ endedAt = 0 }) => endedAt)) - beganAt;
      expect(total).toBeLessThanOrEqual((rate * (lastAt + 200)) / 1000 + MAX_PIECE);
    }),
    { numRuns: 60 },
  );
});

test("without a limit, a file fetched ahead waits while the line is full of others, a begun one no longer than its source does", async () => {
  const clock = createFakeClock();
  const limit = createRateLimit(() => undefined, clock);
  const awaited = limit.enter(() => true);
  const begun = limit.enter(() => false);
  for (let ms = 0; ms < 10_000; ms += 100) {
    awaited.received(10 * KIB);
    begun.received(4 * KIB);
    await clock.advance(100);
  }
  const ahead = startTransfer(limit, clock, 10 * MIB, { awaited: false });
  const startedAt = clock.now();
  let turnAfterMs: number | undefined;
  void begun.turn(never)?.then(() => {
    turnAfterMs = clock.now() - startedAt;
  });
  for (let ms = 0; ms < 40_000; ms += 100) {
    awaited.received(10 * KIB);
    await clock.advance(100);
  }
  expect([ahead.bytes, turnAfterMs]).toEqual([0, 30_000]);
  awaited.leave();
  await clock.advance(300);
  expect(ahead.bytes).toBe(10 * MIB);
});
