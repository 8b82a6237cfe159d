/**
 * Draws traces of requests for distfiles. "zipf": a few files are asked for often, many once, and which ones shifts over time.
 * "releases": as Gentoo goes. Packages get new versions; old ones stay in the repository for a while, and then no Manifest wants
 * them; machines update once a week and ask for what their packages need, some for hundreds of small files that most versions
 * share, and now and then a machine with an old repository asks for an old version.
 */
import { createRandom } from "../../../src/testing/random.ts";

export interface TracedFile {
  readonly id: number;
  readonly size: number;
}

export interface TraceEvent {
  /** Milliseconds from the start. */
  readonly at: number;
  readonly file: TracedFile;
  /** "orphaned": no Manifest wants it from now on. */
  readonly kind: "request" | "orphaned";
}

export interface Trace {
  readonly name: string;
  readonly events: readonly TraceEvent[];
  /** Bytes of all files requested. */
  readonly footprint: number;
}

const DAY = 24 * 60 * 60 * 1000;
const KIB = 1024;
const MIB = 1024 * KIB;

/** Draws sizes like those of ::gentoo's distfiles: half under 300 KiB, one in a hundred over 100 MiB. */
function drawSize(random: () => number): number {
  const normal = Math.sqrt(-2 * Math.log(random() || 1e-9)) * Math.cos(2 * Math.PI * random());
  return Math.round(Math.min(1500 * MIB, Math.max(KIB, 300 * KIB * Math.exp(2.2 * normal))));
}

/** Draws ranks with a weight of 1 / rank^skew. */
function zipf(count: number, skew: number, random: () => number): () => number {
  const sums = new Float64Array(count);
  let sum = 0;
  for (let rank = 0; rank < count; rank++) {
    sum += (rank + 1) ** -skew;
    sums[rank] = sum;
  }
  return () => {
    const target = random() * sum;
    let [low, high] = [0, count - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((sums[middle] ?? sum) < target) low = middle + 1;
      else high = middle;
    }
    return low;
  };
}

function traceOf(name: string, events: TraceEvent[]): Trace {
  events.sort((a, b) => a.at - b.at);
  const sizes = new Map(events.map(({ file }) => [file.id, file.size]));
  return { name, events, footprint: [...sizes.values()].reduce((sum, size) => sum + size, 0) };
}

export function zipfTrace(seed: number, { files = 15_000, requests = 150_000, skew = 0.8, days = 180 } = {}): Trace {
  const random = createRandom(seed);
  const all = Array.from({ length: files }, (_, id) => ({ id, size: drawSize(random) }));
  const rankOf = all.map((_, i) => i).sort(() => random() - 0.5);
  const draw = zipf(files, skew, random);
  const events = Array.from({ length: requests }, (_, i): TraceEvent => {
    // Every hundred requests a thousandth of the ranks are swapped.
    if (i % 100 === 0) {
      for (let n = 0; n < files / 1000; n++) {
        const [a, b] = [Math.floor(random() * files), Math.floor(random() * files)];
        [rankOf[a], rankOf[b]] = [rankOf[b] ?? 0, rankOf[a] ?? 0];
      }
    }
    const file = all[rankOf[draw()] ?? 0] ?? { id: 0, size: KIB };
    return { at: (i / requests) * days * DAY, file, kind: "request" };
  });
  return traceOf("zipf", events);
}

interface Package {
  readonly everyDays: number;
  readonly users: readonly number[];
  readonly crates: boolean;
  files: readonly TracedFile[];
}

/** Draws packages and the files of their versions. */
function createPackages(machines: number, random: () => number) {
  let ids = 0;
  const fresh = (size: number): TracedFile => ({ id: ids++, size });

  function filesOf(crates: boolean): readonly TracedFile[] {
    if (!crates) return [fresh(drawSize(random))];
    return Array.from({ length: 150 }, () => fresh(Math.round(10 * KIB + random() * 200 * KIB)));
  }

  return {
    begin(rank: number): Package {
      const crates = random() < 0.02;
      const share = Math.min(1, 1.5 * (rank + 1) ** -0.35);
      const users = Array.from({ length: machines }, (_, machine) => machine).filter(() => random() < share);
      return { everyDays: 7 + 200 * random() ** 2, users, crates, files: filesOf(crates) };
    },
    /** Moves on to the next version, and returns the files it drops; most crates stay. */
    release(one: Package): readonly TracedFile[] {
      const before = one.files;
      one.files = one.crates ? before.map((file) => (random() < 0.15 ? fresh(file.size) : file)) : filesOf(false);
      return before.filter((file) => !one.files.includes(file));
    },
  };
}

/** Draws what machines ask for. */
function createRequests(random: () => number) {
  const events: TraceEvent[] = [];

  function ask(files: readonly TracedFile[], at: number): void {
    for (const [n, file] of files.entries()) events.push({ at: at + n, file, kind: "request" });
  }

  return {
    events,
    use({ users, files, everyDays }: Package, at: number): void {
      for (const _ of users) if (random() < 0.85) ask(files, at + (random() * 8 + 0.1) * DAY);
      // Rebuilds and changed USE flags ask for the same version again.
      for (const _ of users) if (random() < 0.08) ask(files, at + random() * everyDays * DAY);
    },
    retire(files: readonly TracedFile[], at: number): void {
      const leavesAt = at + (14 + 30 * random()) * DAY;
      for (const file of files) {
        events.push({ at: leavesAt, file, kind: "orphaned" });
        if (random() < 0.05) ask([file], at + random() * 60 * DAY);
      }
    },
  };
}

export function releaseTrace(seed: number, { packages = 1500, machines = 25, days = 240 } = {}): Trace {
  const random = createRandom(seed);
  const { begin, release } = createPackages(machines, random);
  const { events, use, retire } = createRequests(random);
  for (let rank = 0; rank < packages; rank++) {
    const one = begin(rank);
    for (let day = -one.everyDays * random(); day < days; day += one.everyDays * (0.3 + 1.4 * random())) {
      const gone = day < 0 ? [] : release(one);
      use(one, Math.max(0, day) * DAY);
      retire(gone, day * DAY);
    }
  }
  return traceOf(
    "releases",
    events.filter(({ at }) => at < days * DAY),
  );
}
