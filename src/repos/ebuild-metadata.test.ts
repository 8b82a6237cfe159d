import { afterEach, beforeEach, expect, test } from "bun:test";
import { rmSync } from "node:fs";
import type { EvaluationRow } from "../distfile/evaluation-rows.ts";
import { openLog } from "../lib/log.ts";
import { createFakeClock } from "../testing/fake-clock.ts";
import { type TestRepository, writeRepository } from "../testing/repository.ts";
import { createTempFolder, type TempFolder } from "../testing/temp.ts";
import { createMetadataReader } from "./ebuild-metadata.ts";
import type { Evaluation, EvaluationRequest } from "./evaluate.ts";

let folder: TempFolder;
let repository: TestRepository;
const clock = createFakeClock();

beforeEach(() => {
  folder = createTempFolder();
  repository = writeRepository(folder.file("repository"));
});

afterEach(() => folder.remove());

/** Creates a reader whose evaluator gives each ebuild its own name as SRC_URI, and these eclasses. */
async function createReader(inherited: readonly string[] = []) {
  const sourced: string[] = [];
  const rows = new Map<string, EvaluationRow>();
  const behaviour = { failing: false, interrupted: false, passing: false };
  const evaluate = async ({ ebuilds }: EvaluationRequest): Promise<ReadonlyMap<string, Evaluation>> => {
    sourced.push(ebuilds.map(({ pf }) => pf).join(" "));
    await Bun.sleep(5);
    return new Map(
      ebuilds.map(({ pf, eapi }): readonly [string, Evaluation] => {
        const interrupted = behaviour.interrupted ? ({ interrupted: true } as const) : {};
        const passing = behaviour.passing ? ({ passing: true } as const) : {};
        if (behaviour.failing) return [pf, { kind: "failed", reason: "dies", ...interrupted, ...passing }];
        return [pf, { kind: "evaluated", metadata: { eapi, srcUri: pf, restrict: "", homepage: "", inherited } }];
      }),
    );
  };
  const reader = createMetadataReader({
    masters: { configuration: () => reader, eclassFolders: async ({ location }) => [`${location}/eclass`] },
    rows: {
      get: () => [...rows.values()],
      put(_pkg, evaluated, present) {
        for (const pf of rows.keys()) if (!present.includes(pf)) rows.delete(pf);
        for (const row of evaluated) rows.set(row.pf, row);
      },
    },
    evaluator: async () => ({ evaluate }),
    clock,
    log: await openLog("error", "text"),
  });
  const read = async () => await reader.read(repository, "app-misc", "foo");
  return { read, sourced, rows, behaviour };
}

const plain = (version: string, text = "EAPI=8\n") => ({ version, text });

test("metadata comes from md5-cache without bash, and from bash where md5-cache has no entry", async () => {
  repository.put("app-misc/foo", { ebuilds: [{ version: "1", srcUri: "https://e.org/x" }, plain("2-r1")] });
  repository.write("app-misc/foo/foo-bar-1.ebuild", "EAPI=8\n");
  repository.write("app-misc/foo/bar-1.ebuild", "EAPI=8\n");
  const { read, sourced } = await createReader();
  const metadata = await read();
  expect(metadata.known.map(({ pf, metadata }) => [pf, metadata.srcUri])).toEqual([["foo-1", "https://e.org/x"]]);
  expect(metadata.unknown.map(({ pf }) => pf)).toEqual(["foo-2-r1"]);
  const { evaluated, failures } = await metadata.evaluate(metadata.unknown);
  expect([evaluated.map(({ pf }) => pf), failures.size, sourced]).toEqual([["foo-2-r1"], 0, ["foo-2-r1"]]);
});

test("an evaluation is valid while ebuild and eclasses stay the same, and is removed with the ebuild", async () => {
  repository.write("eclass/a.eclass", "A=1\n");
  repository.put("app-misc/foo", { ebuilds: [plain("1"), plain("2")] });
  const { read, rows } = await createReader(["a"]);
  const first = await read();
  await first.evaluate(first.unknown);
  expect((await read()).unknown).toEqual([]);
  repository.write("eclass/a.eclass", "A=2\n");
  expect((await read()).unknown.length).toBe(2);
  repository.write("eclass/a.eclass", "A=1\n");
  repository.write("app-misc/foo/foo-1.ebuild", "EAPI=8\nX=1\n");
  const changed = await read();
  expect(changed.unknown.map(({ pf }) => pf)).toEqual(["foo-1"]);
  rmSync(`${repository.location}/app-misc/foo/foo-2.ebuild`);
  const last = await read();
  await last.evaluate(last.unknown);
  expect([...rows.keys()]).toEqual(["foo-1"]);
});

test("an md5-cache entry made with other eclasses is stale; an evaluation takes precedence", async () => {
  const md5 = new Bun.CryptoHasher("md5").update("EAPI=8\n").digest("hex");
  repository.put("app-misc/foo", { ebuilds: [plain("1")] });
  repository.write("eclass/a.eclass", "A=1\n");
  repository.write("metadata/md5-cache/app-misc/foo-1", `SRC_URI=old\n_eclasses_=a\t${"0".repeat(32)}\n_md5_=${md5}\n`);
  const { read } = await createReader(["a"]);
  const metadata = await read();
  expect(metadata.known.map(({ metadata }) => metadata.srcUri)).toEqual(["old"]);
  expect([metadata.stale.map(({ pf }) => pf), metadata.unknown]).toEqual([["foo-1"], []]);
  await metadata.evaluate(metadata.stale);
  const again = await read();
  expect([again.known.map(({ metadata }) => metadata.srcUri), again.stale]).toEqual([["foo-1"], []]);
});

test("a package is read once while its files are the same, also where an ebuild has no metadata or is left out", async () => {
  const large = `EAPI=8\n# ${"x".repeat(2 * 1024 * 1024)}\n`;
  repository.put("app-misc/foo", {
    ebuilds: [{ version: "1", srcUri: "https://e.org/x" }, plain("2"), plain("3", large)],
  });
  const { read, behaviour } = await createReader();
  const first = await read();
  expect([first.known.length, first.unknown.length, first.refused.size]).toEqual([1, 1, 1]);
  expect(await read()).toBe(first);
  behaviour.failing = true;
  await first.evaluate(first.unknown);
  expect(await read()).toBe(first);
  repository.write("app-misc/foo/foo-4.ebuild", "EAPI=8\n");
  expect((await read()).unknown.map(({ pf }) => pf)).toEqual(["foo-4", "foo-2"]);
});

test("of eclasses without end that md5-cache names some are looked at, and what names others is stale", async () => {
  const sum = (text: string) => new Bun.CryptoHasher("md5").update(text).digest("hex");
  repository.write("eclass/a.eclass", "A=1\n");
  const versions = Array.from({ length: 8 }, (_, i) => `${i + 1}`);
  repository.put("app-misc/foo", { ebuilds: versions.map((version) => plain(version)) });
  for (const version of versions) {
    const names = version === "8" ? ["a"] : Array.from({ length: 380 }, (_, i) => `e${version}-${i}`);
    for (const name of names) repository.write(`eclass/${name}.eclass`, "A=1\n");
    const eclasses = names.map((name) => `${name}\t${sum("A=1\n")}`).join("\t");
    repository.write(
      `metadata/md5-cache/app-misc/foo-${version}`,
      `_eclasses_=${eclasses}\n_md5_=${sum("EAPI=8\n")}\n`,
    );
  }
  const { read } = await createReader();
  const { known, stale } = await read();
  expect(known.length).toBe(8);
  // They are read at once, in any order: five of the seven fit, and "a" where it is not the last.
  expect([2, 3]).toContain(stale.length);
});

test("concurrent requests share one bash; a failure is not tried again for ten minutes", async () => {
  repository.put("app-misc/foo", { ebuilds: [plain("1")] });
  const { read, sourced, behaviour } = await createReader();
  behaviour.failing = true;
  const outcomes = await Promise.all(
    Array.from({ length: 8 }, async () => {
      const metadata = await read();
      return (await metadata.evaluate(metadata.unknown)).failures.get("foo-1");
    }),
  );
  expect([sourced.length, new Set(outcomes)]).toEqual([1, new Set([{ reason: "dies", passing: false }])]);
  const evaluate = async () => {
    const metadata = await read();
    return await metadata.evaluate(metadata.unknown);
  };
  expect((await evaluate()).failures.get("foo-1")?.reason).toBe("dies");
  expect(sourced.length).toBe(1);
  behaviour.failing = false;
  repository.write("app-misc/foo/foo-1.ebuild", "EAPI=8\nFIXED=1\n");
  expect((await evaluate()).failures.size).toBe(0);
  repository.write("app-misc/foo/foo-1.ebuild", "EAPI=8\n");
  clock.set(clock.now() + 11 * 60 * 1000);
  expect((await evaluate()).failures.size).toBe(0);
});

test("a failure that may pass is not tried again for a minute, and each time twice as long", async () => {
  repository.put("app-misc/foo", { ebuilds: [plain("1")] });
  const { read, sourced, behaviour } = await createReader();
  behaviour.failing = true;
  behaviour.passing = true;
  const evaluate = async () => {
    const metadata = await read();
    return (await metadata.evaluate(metadata.unknown)).failures.get("foo-1");
  };
  expect(await evaluate()).toEqual({ reason: "dies", passing: true });
  for (const [minutes, count] of [
    [0.9, 1],
    [0.2, 2],
    [1.9, 2],
    [0.2, 3],
  ] as const) {
    clock.set(clock.now() + minutes * 60_000);
    await evaluate();
    expect(sourced.length).toBe(count);
  }
  behaviour.failing = false;
  clock.set(clock.now() + 10 * 60_000);
  expect(await evaluate()).toBeUndefined();
});

test("an ebuild whose evaluation was interrupted by another one is tried again", async () => {
  repository.put("app-misc/foo", { ebuilds: [plain("1")] });
  const { read, sourced, behaviour } = await createReader();
  behaviour.failing = true;
  behaviour.interrupted = true;
  const evaluate = async () => {
    const metadata = await read();
    return (await metadata.evaluate(metadata.unknown)).failures.size;
  };
  expect(await evaluate()).toBe(1);
  behaviour.failing = false;
  expect([await evaluate(), sourced.length]).toEqual([0, 2]);
});

test("a package that is missing, or whose ebuilds are not files, has no ebuilds", async () => {
  const { read } = await createReader();
  expect((await read()).unknown).toEqual([]);
  repository.write("app-misc/foo/foo-1.ebuild/x", "a folder");
  expect(await Bun.spawn(["mkfifo", `${repository.location}/app-misc/foo/foo-2.ebuild`]).exited).toBe(0);
  expect((await read()).unknown).toEqual([]);
});
