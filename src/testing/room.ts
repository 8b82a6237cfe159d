/**
 * Requests room in the store on a fake clock.
 */
import type { DistfileName } from "../distfile/name.ts";
import type { Reservation, RoomRequest } from "../distfile/reservation.ts";
import type { Eviction } from "../eviction/evict.ts";
import type { createFakeClock } from "./fake-clock.ts";

export const room = (bytes: number, more: Partial<RoomRequest> = {}): RoomRequest => ({
  name: "new" as DistfileName,
  bytes,
  verified: true,
  sized: true,
  ...more,
});

/** Reserves, and lets the time pass for which a reservation waits. */
export async function reserveWaiting(
  eviction: Eviction,
  request: RoomRequest,
  clock: ReturnType<typeof createFakeClock>,
): Promise<Reservation | undefined> {
  const { promise: over, resolve } = Promise.withResolvers<void>();
  const reservation = eviction.reserve(request).finally(resolve);
  let waits = true;
  void over.then(() => {
    waits = false;
  });
  while (waits) {
    await Bun.sleep(2);
    await clock.advance(1000);
  }
  return await reservation;
}
