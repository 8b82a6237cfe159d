import { afterEach, beforeEach, expect, test } from "bun:test";
import { rmSync } from "node:fs";
import { openLog } from "../lib/log.ts";
import { createFakeClock } from "../testing/fake-clock.ts";
import { type TestRepository, writeRepository } from "../testing/repository.ts";
import { createTempFolder, type TempFolder } from "../testing/temp.ts";
import { createMetadataReader } from "./ebuild-metadata.ts";
import type { Evaluation, EvaluationRequest } from "./evaluate.ts";
import type { EvaluationRow } from "./evaluation-cache.ts";

let folder: TempFolder;
let tree: TestRepository;
const clock = createFakeClock();

beforeEach(() => {
  folder = createTempFolder();
  tree = writeRepository(folder.file("tree"));
});

afterEach(() => folder.remove());

/** Packages whose ebuilds, when sourced, say their own name as SRC_URI and inherit `inherited`. */
async function createAll(inherited: readonly string[] = []) {
  const sourced: string[] = [];
  const rows = new Map<string, EvaluationRow>();
  const behaviour = { failing: false, blameless: false };
  const evaluate = async ({ ebuilds }: EvaluationRequest): Promise<ReadonlyMap<string, Evaluation>> => {
    sourced.push(ebuilds.map(({ pf }) => pf).join(" "));
    await Bun.sleep(5);
    return new Map(
      ebuilds.map(({ pf, eapi }): readonly [string, Evaluation] => {
        const blameless = behaviour.blameless ? ({ blameless: true } as const) : {};
        if (behaviour.failing) return [pf, { kind: "failed", reason: "dies", ...blameless }];
        return [pf, { kind: "evaluated", metadata: { eapi, srcUri: pf, restrict: "", homepage: "", inherited } }];
      }),
    );
  };
  const packages = createMetadataReader({
    masters: { eclassFolders: async ({ location }) => [`${location}/eclass`] },
    rows: {
      get: () => [...rows.values()],
      put(_place, evaluated, present) {
        for (const pf of rows.keys()) if (!present.includes(pf)) rows.delete(pf);
        for (const row of evaluated) rows.set(row.pf, row);
      },
    },
    evaluator: async () => ({ evaluate }),
    clock,
    log: await openLog("error", "text"),
  });
  const open = async () => await packages.read(tree, "app-misc", "foo");
  return { open, sourced, rows, behaviour };
}

const plain = (version: string, text = "EAPI=8\n") => ({ version, text });

test("an ebuild in md5-cache is described without bash, one that is not has to be sourced", async () => {
  tree.put("app-misc/foo", { ebuilds: [{ version: "1", srcUri: "https://e.org/x" }, plain("2-r1")] });
  tree.write("app-misc/foo/foo-bar-1.ebuild", "EAPI=8\n");
  tree.write("app-misc/foo/bar-1.ebuild", "EAPI=8\n");
  const { open, sourced } = await createAll();
  const opened = await open();
  expect(opened.known.map(({ pf, metadata }) => [pf, metadata.srcUri])).toEqual([["foo-1", "https://e.org/x"]]);
  expect(opened.unknown.map(({ pf }) => pf)).toEqual(["foo-2-r1"]);
  const { described, failures } = await opened.evaluate(opened.unknown);
  expect([described.map(({ pf }) => pf), failures.size, sourced]).toEqual([["foo-2-r1"], 0, ["foo-2-r1"]]);
});

test("what was evaluated holds while ebuild and eclasses are the same, and is forgotten with the ebuild", async () => {
  tree.write("eclass/a.eclass", "A=1\n");
  tree.put("app-misc/foo", { ebuilds: [plain("1"), plain("2")] });
  const { open, rows } = await createAll(["a"]);
  const first = await open();
  await first.evaluate(first.unknown);
  expect((await open()).unknown).toEqual([]);
  tree.write("eclass/a.eclass", "A=2\n");
  expect((await open()).unknown.length).toBe(2);
  tree.write("eclass/a.eclass", "A=1\n");
  tree.write("app-misc/foo/foo-1.ebuild", "EAPI=8\nX=1\n");
  const changed = await open();
  expect(changed.unknown.map(({ pf }) => pf)).toEqual(["foo-1"]);
  rmSync(`${tree.location}/app-misc/foo/foo-2.ebuild`);
  const last = await open();
  await last.evaluate(last.unknown);
  expect([...rows.keys()]).toEqual(["foo-1"]);
});

test("md5-cache made with other eclasses is a guess; what bash said goes before it", async () => {
  const md5 = new Bun.CryptoHasher("md5").update("EAPI=8\n").digest("hex");
  tree.put("app-misc/foo", { ebuilds: [plain("1")] });
  tree.write("eclass/a.eclass", "A=1\n");
  tree.write("metadata/md5-cache/app-misc/foo-1", `SRC_URI=old\n_eclasses_=a\t${"0".repeat(32)}\n_md5_=${md5}\n`);
  const { open } = await createAll(["a"]);
  const opened = await open();
  expect(opened.known.map(({ metadata }) => metadata.srcUri)).toEqual(["old"]);
  expect([opened.stale.map(({ pf }) => pf), opened.unknown]).toEqual([["foo-1"], []]);
  await opened.evaluate(opened.stale);
  const again = await open();
  expect([again.known.map(({ metadata }) => metadata.srcUri), again.stale]).toEqual([["foo-1"], []]);
});

test("many who ask at once get one bash; a failure is not tried again for ten minutes", async () => {
  tree.put("app-misc/foo", { ebuilds: [plain("1")] });
  const { open, sourced, behaviour } = await createAll();
  behaviour.failing = true;
  const outcomes = await Promise.all(
    Array.from({ length: 8 }, async () => {
      const opened = await open();
      return (await opened.evaluate(opened.unknown)).failures.get("foo-1");
    }),
  );
  expect([sourced.length, new Set(outcomes)]).toEqual([1, new Set(["dies"])]);
  const evaluate = async () => {
    const opened = await open();
    return await opened.evaluate(opened.unknown);
  };
  expect((await evaluate()).failures.get("foo-1")).toBe("dies");
  expect(sourced.length).toBe(1);
  behaviour.failing = false;
  tree.write("app-misc/foo/foo-1.ebuild", "EAPI=8\nFIXED=1\n");
  expect((await evaluate()).failures.size).toBe(0);
  tree.write("app-misc/foo/foo-1.ebuild", "EAPI=8\n");
  clock.set(clock.now() + 11 * 60 * 1000);
  expect((await evaluate()).failures.size).toBe(0);
});

test("an ebuild that another one kept from being sourced is tried again", async () => {
  tree.put("app-misc/foo", { ebuilds: [plain("1")] });
  const { open, sourced, behaviour } = await createAll();
  behaviour.failing = true;
  behaviour.blameless = true;
  const evaluate = async () => {
    const opened = await open();
    return (await opened.evaluate(opened.unknown)).failures.size;
  };
  expect(await evaluate()).toBe(1);
  behaviour.failing = false;
  expect([await evaluate(), sourced.length]).toEqual([0, 2]);
});

test("a package that is gone, or whose ebuilds are no files, has none", async () => {
  const { open } = await createAll();
  expect((await open()).unknown).toEqual([]);
  tree.write("app-misc/foo/foo-1.ebuild/x", "a folder");
  expect(await Bun.spawn(["mkfifo", `${tree.location}/app-misc/foo/foo-2.ebuild`]).exited).toBe(0);
  expect((await open()).unknown).toEqual([]);
});
