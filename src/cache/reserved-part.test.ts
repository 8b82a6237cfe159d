import { afterAll, beforeAll, expect, test } from "bun:test";
import type { DistfileName } from "../distfile/name.ts";
import type { StoreRoom } from "../distfile/reservation.ts";
import { openStore } from "../store/store.ts";
import { createTempFolder, type TempFolder } from "../testing/temp.ts";
import { openReservedPart } from "./reserved-part.ts";

const MIB = 1024 * 1024;
const TOTAL = 150 * MIB;
let folder: TempFolder;

beforeAll(() => {
  folder = createTempFolder();
});
afterAll(() => folder.remove());

/** A store that has only room for what others go for. */
function createFullRoom(fits = true) {
  const made: number[] = [];
  const room: StoreRoom = {
    canFit: () => fits,
    async reserve({ bytes, sized }) {
      if (!sized || !fits) return undefined;
      made.push(bytes / MIB);
      return { wrote: () => undefined, release: () => undefined };
    },
  };
  const store = openStore(folder.path);
  const part = openReservedPart(
    "a.zip" as DistfileName,
    () => true,
    true,
    store,
    room,
    () => undefined,
  );
  return { made, part };
}

test("where no room is free, it is made for what comes in and as much again, and not before any bytes are here", async () => {
  const { made, part } = createFullRoom();
  expect([await part.reserve(TOTAL), made]).toEqual([true, [0]]);
  for (const position of [0, 17, 40, 100, 149]) await part.part.write(new Uint8Array(MIB), position * MIB, TOTAL);
  expect(made).toEqual([0, 17, 19, 46, 68]);
  part.leave(false);
  await part.close();
});

test("a file for which no room can be made is refused before it is asked for", async () => {
  const { made, part } = createFullRoom(false);
  expect([await part.reserve(TOTAL), made]).toEqual([false, []]);
  part.leave(false);
  await part.close();
});
