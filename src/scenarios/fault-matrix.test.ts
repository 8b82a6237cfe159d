/**
 * Every fault of a mirror, at the start, in the middle and at the last byte of a large file, with mirrors that take ranges and that
 * ignore them, two to four of them: the client gets the whole right file in one response. Lies are found by the digest: they break
 * the client off, and the next asking gets the right file; where nobody else is left no wrong file is ever completed.
 */
import { expect, setDefaultTimeout, test } from "bun:test";
import { type Content, readContent } from "../testing/content.ts";
import { type FakeUpstream, startFakeUpstream } from "../testing/fake-upstream.ts";
import type { Fault } from "../testing/faults.ts";
import { writeRepository } from "../testing/repository.ts";
import { startServer } from "../testing/server.ts";
import { createTempFolder } from "../testing/temp.ts";

setDefaultTimeout(120_000);

/** So that several mirrors send it where they may. */
const SIZE = 9 * 1024 * 1024 + 321;
const CONTENT: Content = { size: SIZE, seed: 3 };
const SLOW: Fault = { kind: "rate", bytesPerSecond: 4_000_000 };
const FILE = "large-1.0.tar.xz";

/** What a mirror does at its first request for the file, and at the later ones. */
type Behaviour = readonly [readonly Fault[], readonly Fault[]];

/** A fault that has no place in the file of its own strikes once the first answer was cut there. */
function afterCut(at: number, fault: Fault): Behaviour {
  return at === 0 ? [[fault], [fault]] : [[{ kind: "reset", at }], [fault]];
}

const FAULTS: Readonly<Record<string, (at: number) => Behaviour>> = {
  reset: (at) => [[{ kind: "reset", at }], [{ kind: "reset", at }]],
  short: (at) => [[{ kind: "close", at }], [{ kind: "close", at }]],
  stall: (at) => [[{ kind: "stall", at }], [{ kind: "stall", at }]],
  trickle: (at) => [[{ kind: "rate", at, bytesPerSecond: 100 }], [{ kind: "rate", at, bytesPerSecond: 100 }]],
  "503": (at) => afterCut(at, { kind: "status", status: 503 }),
  "garbage in place of a range": (at) => afterCut(at, { kind: "garbage" }),
  "wrong total": (at) => afterCut(at, { kind: "wrong-total" }),
  lie: (at) => [[{ kind: "corrupt", at }], [{ kind: "corrupt", at }]],
};

/** Its bytes are wrong, and nothing but the digest tells. */
const LIES = new Set(["garbage in place of a range", "lie"]);

interface Cell {
  readonly fault: string;
  readonly place: string;
  readonly at: number;
  readonly ranges: boolean;
  readonly mirrors: number;
  /** How many of them, the first ones, have the fault. */
  readonly faulty: number;
}

const cells: Cell[] = [];
for (const fault of Object.keys(FAULTS)) {
  for (const [place, at] of [
    ["start", 0],
    ["middle", Math.floor(SIZE / 2)],
    ["last byte", SIZE - 1],
  ] as const) {
    for (const ranges of [true, false]) {
      for (const mirrors of [2, 3, 4]) {
        cells.push({ fault, place, at, ranges, mirrors, faulty: mirrors === 4 ? 2 : mirrors - 1 });
      }
      if (fault === "lie") cells.push({ fault, place, at, ranges, mirrors: 2, faulty: 2 });
    }
  }
}

async function startMirror(behaviour: Behaviour, ranges: boolean): Promise<FakeUpstream> {
  let asked = 0;
  const always: readonly Fault[] = ranges ? [SLOW] : [SLOW, { kind: "ignore-range" }];
  const mirror = await startFakeUpstream({
    files: new Map([[FILE, CONTENT]]),
    onRequest(file) {
      if (file === FILE) mirror.setFault(FILE, ...always, ...behaviour[asked++ === 0 ? 0 : 1]);
    },
  });
  return mirror;
}

/** "right", or how it ended: a status, or a broken transfer. @throws when a wrong file was completed */
async function ask(url: string): Promise<string> {
  const response = await fetch(`${url}/distfiles/${FILE}`);
  if (response.status !== 200) {
    await response.bytes();
    return String(response.status);
  }
  const bytes = await response.bytes().catch(() => undefined);
  if (!bytes) return "broken";
  expect([bytes.length, Buffer.compare(bytes, readContent(CONTENT))]).toEqual([SIZE, 0]);
  return "right";
}

async function runCell({ fault, at, ranges, mirrors, faulty }: Cell): Promise<readonly string[]> {
  using folder = createTempFolder();
  const tree = writeRepository(folder.file("tree"));
  tree.put("app-misc/large", { dist: { [FILE]: CONTENT } });
  const behaviourOf = (i: number): Behaviour => (i < faulty ? (FAULTS[fault]?.(at) ?? [[], []]) : [[], []]);
  const upstreams = await Promise.all(Array.from({ length: mirrors }, (_, i) => startMirror(behaviourOf(i), ranges)));
  const server = await startServer({
    location: folder.file("store"),
    mirrors: upstreams.map(({ url }) => url),
    repos: [tree.location],
    settings: { "fetcher.strategy": "ordered", "fetcher.stall_timeout": "2s" },
  });
  try {
    await server.settled;
    const outcomes = [await ask(server.url)];
    // Who was broken off asks again, as wget does.
    while (outcomes.at(-1) === "broken" && outcomes.length < 4) outcomes.push(await ask(server.url));
    return outcomes;
  } finally {
    await server.stop();
    for (const upstream of upstreams) await upstream.close();
  }
}

/** Faults of every mirror, such that nobody has a file's first byte to give. They take the longest, so they begin first. */
const HOPELESS: Readonly<Record<string, readonly Fault[]>> = {
  "silent, over their layout.conf too": [{ kind: "stall-headers" }],
  "late with headers and silent then": [{ kind: "latency", ms: 12_000 }, { kind: "stall" }],
  "trickling just under the watchdog's eye": [{ kind: "rate", bytesPerSecond: 1100 }],
  "refusing after a while": [
    { kind: "latency", ms: 15_000 },
    { kind: "status", status: 503 },
  ],
};

test.concurrent.each(Object.entries(HOPELESS))(
  "with the default time-outs a verdict comes before the client gives up: all mirrors are %s",
  async (_name, faults) => {
    using folder = createTempFolder();
    const tree = writeRepository(folder.file("tree"));
    const content: Content = { size: 300_000, seed: 8 };
    tree.put("app-misc/small", { dist: { small: content } });
    const mirrors = await Promise.all(
      Array.from({ length: 4 }, () => startFakeUpstream({ files: new Map([["small", content]]) })),
    );
    for (const mirror of mirrors) for (const file of ["small", "layout.conf"]) mirror.setFault(file, ...faults);
    const server = await startServer({
      location: folder.file("store"),
      mirrors: mirrors.map(({ url }) => url),
      repos: [tree.location],
      settings: { "fetcher.stall_timeout": "20s", "fetcher.connect_timeout": "10s" },
    });
    try {
      await server.settled;
      const startedAt = performance.now();
      const response = await fetch(`${server.url}/distfiles/small`);
      // Portage's wget waits for 60 s; a busy machine has some seconds of these.
      expect(performance.now() - startedAt).toBeLessThan(55_000);
      expect(response.status === 200 || response.status >= 500).toBe(true);
      await response.body?.cancel();
    } finally {
      await server.stop();
      for (const mirror of mirrors) await mirror.close();
    }
  },
);

test.concurrent.each(
  cells.map((cell) => {
    const { fault, place, ranges, mirrors, faulty } = cell;
    return [`${fault}, ${place}, ranges ${ranges ? "taken" : "ignored"}, ${faulty} of ${mirrors}`, cell] as const;
  }),
)("%s", async (_name, cell) => {
  const outcomes = await runCell(cell);
  const onlyLiars = cell.faulty === cell.mirrors;
  if (onlyLiars) expect(outcomes).not.toContain("right");
  else if (LIES.has(cell.fault)) {
    expect(outcomes.at(-1)).toBe("right");
    // No more than once: what comes after a lie is held until it is checked.
    expect(outcomes.length).toBeLessThanOrEqual(2);
  } else expect(outcomes).toEqual(["right"]);
});
