/**
 * Evaluates a test's ebuilds in a real bash: versions of app-misc/foo, in a repository with a master.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { createEvaluator, type Evaluation } from "../repos/evaluate.ts";
import { readEapi } from "../repos/formats/ebuild-eapi.ts";
import type { EbuildMetadata } from "../repos/formats/md5-cache.ts";
import type { Sandbox } from "../repos/sandbox/sandbox.ts";
import { createTestSandbox } from "./sandbox.ts";
import { createTempFolder } from "./temp.ts";

export interface EbuildFixture extends Disposable {
  /** Folder of the package. */
  readonly folder: string;
  /** Writes an eclass of the repository itself, or of its master. */
  eclass(name: string, text: string, repository?: "own" | "master"): void;
  /** @param texts by version, `1.2-r3`. @returns by version */
  evaluateAll(texts: Readonly<Record<string, string>>): Promise<Readonly<Record<string, Evaluation | undefined>>>;
  /** Evaluates version 1.2-r3, unless another is given. */
  evaluate(text: string, version?: string): Promise<Evaluation>;
  /** @throws {Error} where the evaluation fails, or bash complains */
  metadata(text: string, version?: string): Promise<EbuildMetadata>;
  /** Returns the reason of the failure. @throws {Error} where there is none */
  failure(text: string): Promise<string>;
}

export interface EbuildFixtureOptions {
  readonly sandbox?: Sandbox;
  /** Name of the folder around both repositories. */
  readonly name?: string;
}

export function createEbuildFixture({
  sandbox = createTestSandbox(),
  name = "repositories",
}: EbuildFixtureOptions = {}): EbuildFixture {
  const temp = createTempFolder();
  const evaluator = createEvaluator(sandbox);
  const root = temp.file(name);
  const folder = `${root}/own/app-misc/foo`;
  const eclassFolders = [`${root}/master/eclass`, `${root}/own/eclass`];
  for (const path of [folder, ...eclassFolders]) mkdirSync(path, { recursive: true });

  const fixture: EbuildFixture = {
    folder,
    eclass: (eclass, text, repository = "own") => writeFileSync(`${root}/${repository}/eclass/${eclass}.eclass`, text),
    async evaluateAll(texts) {
      const ebuilds = Object.entries(texts).map(([version, text]) => {
        writeFileSync(`${folder}/foo-${version}.ebuild`, text);
        return { pf: `foo-${version}`, eapi: readEapi(text) };
      });
      const evaluations = await evaluator.evaluate({
        ...{ category: "app-misc", package: "foo", folder },
        ...{ eclassFolders, ebuilds },
      });
      return Object.fromEntries(Object.keys(texts).map((version) => [version, evaluations.get(`foo-${version}`)]));
    },
    async evaluate(text, version = "1.2-r3") {
      const evaluation = (await fixture.evaluateAll({ [version]: text }))[version];
      if (!evaluation) throw new Error("The evaluation is missing");
      return evaluation;
    },
    async metadata(text, version) {
      const evaluation = await fixture.evaluate(text, version);
      if (evaluation.kind === "failed") throw new Error(evaluation.reason);
      if (evaluation.complaint !== undefined) throw new Error(evaluation.complaint);
      return evaluation.metadata;
    },
    async failure(text) {
      const evaluation = await fixture.evaluate(text);
      if (evaluation.kind === "failed") return evaluation.reason;
      throw new Error(`It does not fail: ${JSON.stringify(evaluation)}`);
    },
    [Symbol.dispose]: () => temp.remove(),
  };
  return fixture;
}
