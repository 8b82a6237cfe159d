import { afterAll, expect, test } from "bun:test";
import type { Digests } from "../distfile/digests.ts";
import { createHasher } from "../distfile/hasher.ts";
import type { DistfileName } from "../distfile/name.ts";
import { digestsOf, type GeneratedContent, readContent } from "../testing/content.ts";
import { freeRate, recordedSource, testPart, testUpstreamClient } from "../testing/downloads.ts";
import { createTempFolder } from "../testing/temp.ts";
import { addContribution, createAssembly } from "./assembly.ts";
import { createPartWriter } from "./part-writer.ts";
import type { Revalidation } from "./resume.ts";
import { createPieceSize } from "./shared-reads.ts";
import { createTail } from "./tail.ts";
import { findCorruptSources, verify } from "./verify.ts";

const hasher = createHasher(new URL("../distfile/hash.worker.ts", import.meta.url).href);
const folder = createTempFolder();
const content: GeneratedContent = { size: 100_000, seed: 4 };
const other: GeneratedContent = { size: 100_000, seed: 5 };
const log = { ends: [], open: 0 };
const [first, second] = [recordedSource(log, "a", "http://a.test"), recordedSource(log, "b", "http://b.test")];
let parts = 0;

afterAll(() => {
  hasher.close();
  folder.remove();
});

function setUp(expected: Digests | undefined, revalidation?: Revalidation) {
  const part = testPart(folder.file(`part-${parts++}`));
  const stop = new AbortController().signal;
  const writer = createPartWriter(part, createTail(createPieceSize()), hasher, [], stop, () => expect.unreachable());
  const assembly = createAssembly(
    { name: "a" as DistfileName, expected, revalidation },
    part,
    writer,
    testUpstreamClient(),
    freeRate(),
    stop,
  );
  async function receive(source: typeof first, of: GeneratedContent, start: number, end: number): Promise<void> {
    await writer.write(readContent(of, start, end), start);
    addContribution(assembly, source, start, end);
  }
  return { assembly, receive };
}

test("a file with the expected digests is right", async () => {
  const { assembly, receive } = setUp(digestsOf(content));
  await receive(first, content, 0, content.size);
  expect(await verify(assembly)).toMatchObject({ kind: "right", computed: { blake2b: digestsOf(content).blake2b } });
});

test("a wrong file from one source is that source's fault, and its bytes are gone", async () => {
  const { assembly, receive } = setUp(digestsOf(content));
  await receive(first, other, 0, content.size);
  expect(await verify(assembly)).toEqual({ kind: "corrupt", source: first });
  expect([assembly.writer.position, assembly.contributions, assembly.suspectRanges]).toEqual([0, [], []]);
});

test("of a wrong file from several, the corrupt source is found once the right bytes are here", async () => {
  const { assembly, receive } = setUp(digestsOf(content));
  await receive(first, content, 0, 60_000);
  await receive(second, other, 60_000, content.size);
  expect(await verify(assembly)).toEqual({ kind: "mixed", last: second });
  await receive(first, content, 0, content.size);
  expect(await verify(assembly)).toMatchObject({ kind: "right" });
  expect([...(await findCorruptSources(assembly))]).toEqual([second]);
});

test("bytes of an earlier download are no source's fault", async () => {
  const { assembly, receive } = setUp(digestsOf(content));
  await assembly.writer.write(readContent(other, 0, 60_000), 0);
  assembly.contributions = [{ source: "before", start: 0, end: 60_000 }];
  await receive(first, content, 60_000, content.size);
  expect(await verify(assembly)).toEqual({ kind: "mixed", last: first });
  await receive(first, content, 0, content.size);
  await verify(assembly);
  expect((await findCorruptSources(assembly)).size).toBe(0);
});

test("a mirror file that does not match its digest file is outdated, which is no fault", async () => {
  const why = "sent a file that does not match its a.md5sum";
  const revalidation: Revalidation = {
    conditionalHeaders: () => ({}),
    checkResponse: () => undefined,
    sameAtAllMirrors: false,
    checkDigest: async () => why,
    isStorable: () => true,
    confirmed: () => undefined,
  };
  const { assembly, receive } = setUp(undefined, revalidation);
  await receive(first, content, 0, content.size);
  expect(await verify(assembly)).toEqual({ kind: "outdated", source: first, why });
  expect(assembly.writer.position).toBe(0);
});
