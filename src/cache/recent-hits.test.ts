import { expect, test } from "bun:test";
import type { DistfileName } from "../distfile/name.ts";
import { createRecentHits } from "./recent-hits.ts";
import type { StoredContent } from "./stored-files.ts";

const NAME = "hello-1.0.tar.gz" as DistfileName;
const STORED: StoredContent = {
  file: { path: "/store/hello", size: 1, modifiedAt: 0, stamp: "1" },
  digests: { size: 1, blake2b: "00" },
};

function setUp() {
  const state = { now: 1_000_000, revision: 1, same: true, looks: 0 };
  const hits = createRecentHits({
    store: {
      isSame() {
        state.looks++;
        return state.same;
      },
    },
    revision: () => state.revision,
    clock: { now: () => state.now },
  });
  hits.put(NAME, STORED, state.revision);
  return { state, hits };
}

test("the disk is looked at for every request, also for bytes held in memory", () => {
  const { state, hits } = setUp();
  for (let i = 0; i < 50; i++) {
    expect(hits.get(NAME, true)).toBe(STORED);
    state.now += 10;
  }
  expect(state.looks).toBe(50);
  state.same = false;
  expect(hits.get(NAME, true)).toBeUndefined();
  state.same = true;
  expect(hits.get(NAME, true)).toBeUndefined();
});

test("another revision of the repositories, and a row that changed, void an entry", () => {
  const { state, hits } = setUp();
  state.revision++;
  expect(hits.get(NAME, false)).toBeUndefined();
  hits.put(NAME, STORED, state.revision);
  hits.forget(NAME);
  expect(hits.get(NAME, false)).toBeUndefined();
});

test("a file that was looked up before the repositories changed is not remembered", () => {
  const { state, hits } = setUp();
  hits.forget(NAME);
  const before = hits.revision;
  state.revision++;
  hits.put(NAME, STORED, before);
  expect(hits.get(NAME, false)).toBeUndefined();
});

test("in a rush the disk is looked at every 100 ms for bytes held in memory, and always for others", () => {
  const { state, hits } = setUp();
  const run = (held: boolean, requests: number) => {
    state.looks = 0;
    for (let i = 0; i < requests; i++) {
      hits.get(NAME, held);
      state.now += 0.5;
    }
    return state.looks;
  };
  run(true, 1000);
  expect(run(true, 2000)).toBeLessThan(15);
  expect(run(false, 200)).toBe(200);
  run(true, 1000);
  state.same = false;
  state.now += 101;
  expect(hits.get(NAME, true)).toBeUndefined();
});

test("a clock that is set back makes no entry last longer", () => {
  const { state, hits } = setUp();
  for (let i = 0; i < 1000; i++) {
    hits.get(NAME, true);
    state.now += 0.5;
  }
  state.now -= 3_600_000;
  state.looks = 0;
  hits.get(NAME, true);
  expect(state.looks).toBe(1);
});
