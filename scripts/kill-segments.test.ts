/**
 * Kills the server with kill -9 while segments of a file are downloaded from several mirrors: the download resumes at the first
 * gap, and nothing behind a gap is used.
 */
import { expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync, rmSync } from "node:fs";
import { type GeneratedContent, readContent } from "../src/testing/content.ts";
import { type Server, startExecutable } from "../src/testing/executable.ts";
import { type FakeUpstream, startFakeUpstream } from "../src/testing/fake-upstream.ts";
import { writeRepository } from "../src/testing/repository.ts";
import { createTempFolder } from "../src/testing/temp.ts";

setDefaultTimeout(90_000);

const MIB = 1024 * 1024;
const FILE = "large-1.0.tar.xz";
const CONTENT: GeneratedContent = { size: 40 * MIB + 777, seed: 5 };
const KILLS = 3;

/** Returns the number of bytes before the first gap, which the mark at the end of a part with gaps states. */
function bytesBeforeGap(part: Buffer): number {
  const mark = /portcache part: (\d{15}) of \d{15}\n$/.exec(part.subarray(-51).toString("latin1"));
  return mark ? Number(mark[1]) : part.length;
}

/** Returns the lowest position requested since the mirrors had `before` requests. */
function lowestPosition(mirrors: readonly FakeUpstream[], before: readonly number[]): number {
  const requests = mirrors.flatMap((mirror, i) => mirror.fileRequests(FILE).slice(before[i]));
  return Math.min(...requests.map(({ range }) => Number(/^bytes=(\d+)-/.exec(range ?? "")?.[1] ?? 0)));
}

for (const index of ["as it was left", "deleted"]) {
  test.concurrent(`after kills during a download from three mirrors, with the index ${index}, it resumes at the first gap`, async () => {
    await using ending = new AsyncDisposableStack();
    const folder = ending.use(createTempFolder("portcache-kill-"));
    const repository = writeRepository(folder.file("repository"));
    repository.put("app-misc/large", { dist: { [FILE]: CONTENT } });
    const mirrors: FakeUpstream[] = [];
    for (let i = 0; i < 3; i++) {
      const mirror = await startFakeUpstream({ files: new Map([[FILE, CONTENT]]) });
      mirror.setFault("*", { kind: "rate", bytesPerSecond: 3 * MIB });
      mirrors.push(mirror);
      ending.defer(mirror.close);
    }
    const settings = { fetcher: { mirrors: mirrors.map(({ url }) => url) }, repo: { repos: [repository.location] } };
    let withGaps = 0;
    let left = 0;
    for (let round = 0; round <= KILLS; round++) {
      const server: Server = await startExecutable({ settings, location: folder.file("store") });
      ending.use(server);
      const before = mirrors.map((mirror) => mirror.fileRequests(FILE).length);
      const answer = fetch(`${server.url}/distfiles/${FILE}`).then((response) => response.bytes());
      if (round === KILLS) {
        expect(Buffer.compare(await answer, readContent(CONTENT))).toBe(0);
        expect(lowestPosition(mirrors, before)).toBe(left);
        break;
      }
      const ended = answer.catch(() => undefined);
      // More mirrors have joined the first by then, and delivered bytes.
      await Bun.sleep(1_600 + 150 * round);
      await server.stop("SIGKILL");
      await ended;
      expect(lowestPosition(mirrors, before)).toBe(left);
      const part = readFileSync(folder.file(`store/partial/${FILE}`));
      left = bytesBeforeGap(part);
      if (part.length > CONTENT.size) withGaps++;
      expect(Buffer.compare(part.subarray(0, left), readContent(CONTENT, 0, left))).toBe(0);
      if (index === "deleted") rmSync(folder.file("store/index.sqlite"));
    }
    expect(withGaps).toBeGreaterThan(0);
    expect(left).toBeGreaterThan(0);
  });
}
