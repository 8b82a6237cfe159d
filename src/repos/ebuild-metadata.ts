/**
 * What the ebuilds of a package say for fetching its files: from metadata/md5-cache, from what was evaluated before, or by
 * sourcing them now. An md5-cache entry counts while the MD5 of the ebuild and of all its eclasses are those it was made
 * from (portage: cache/template.py); where only eclasses differ it is a guess, and a good one.
 */
import { realpath } from "node:fs/promises";
import { dirname } from "node:path";
import { mapInBatches } from "../lib/batches.ts";
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import type { Repository } from "./discover.ts";
import { type Ebuild, listEbuilds, READ_AT_ONCE, readMd5Cache } from "./ebuilds.ts";
import type { Evaluator } from "./evaluate.ts";
import { createEvaluationCache, type EvaluationRows, type PackageOnDisk } from "./evaluation-cache.ts";
import { createFileCache, md5Of, realPathInside } from "./file-cache.ts";
import type { CachedMetadata, EbuildMetadata } from "./formats/md5-cache.ts";
import type { Masters } from "./masters.ts";

export interface EbuildWithMetadata {
  readonly pf: string;
  readonly metadata: EbuildMetadata;
}

export interface PackageMetadata {
  /** Known without running anything. */
  readonly known: readonly EbuildWithMetadata[];
  /** Described, but by md5-cache entries made with other eclasses. */
  readonly stale: readonly Ebuild[];
  /** Not described. */
  readonly unknown: readonly Ebuild[];
  /** Sources them in bash. Failures are sentence parts, by pf. */
  evaluate(ebuilds: readonly Ebuild[]): Promise<{
    readonly described: readonly EbuildWithMetadata[];
    readonly failures: ReadonlyMap<string, string>;
  }>;
}

export interface MetadataReader {
  /** @param repository the one whose Manifest has the file */
  read(repository: Repository, category: string, name: string): Promise<PackageMetadata>;
  /** To be called when a tree has changed. */
  forgetFailures(): void;
}

export interface MetadataReaderDeps {
  readonly masters: Pick<Masters, "eclassFolders">;
  readonly rows: EvaluationRows;
  /** Or why nothing can be evaluated, sentence part. */
  readonly evaluator: () => Promise<Evaluator | string>;
  readonly clock: Clock;
  readonly log: Logger;
}

type Remembered = ReadonlyMap<string, CachedMetadata>;

const NOTHING: PackageMetadata = {
  known: [],
  stale: [],
  unknown: [],
  evaluate: async () => ({ described: [], failures: new Map() }),
};

const realPath = (path: string) => realpath(path).catch(() => path);

/** Those of the `eclass` folders that lie in their repository itself. */
async function realFolders(folders: readonly string[]): Promise<readonly string[]> {
  const real = await Promise.all(
    folders.map(async (path) => await realPathInside(await realPath(dirname(path)), path)),
  );
  return real.filter((path) => path !== undefined);
}

export function createMetadataReader({
  masters: families,
  rows,
  evaluator,
  clock,
  log,
}: MetadataReaderDeps): MetadataReader {
  const eclassMd5s = createFileCache(md5Of);
  const evaluations = createEvaluationCache({ rows, evaluator, eclassMd5, clock, log });

  /** Of the eclass that counts. */
  async function eclassMd5(folders: readonly string[], name: string): Promise<string | undefined> {
    for (const folder of folders.toReversed()) {
      const md5 = await eclassMd5s.get(folder, `${folder}/${name}.eclass`);
      if (md5 !== undefined) return md5;
    }
    return undefined;
  }

  /** Whether it was made from the eclasses that are there now. */
  async function isValid({ eclasses }: CachedMetadata, folders: readonly string[]): Promise<boolean> {
    const same = await Promise.all([...eclasses].map(async ([name, md5]) => (await eclassMd5(folders, name)) === md5));
    return !same.includes(false);
  }

  /** What is known of one ebuild without running anything, the best first. */
  async function look(root: string, { category, eclassFolders }: PackageOnDisk, ebuild: Ebuild, before: Remembered) {
    const cached = await readMd5Cache(root, category, ebuild);
    const evaluated = before.get(ebuild.pf);
    for (const known of [cached, evaluated?.md5 === ebuild.md5 ? evaluated : undefined]) {
      if (known && (await isValid(known, eclassFolders))) return { metadata: known.metadata, isGuess: false };
    }
    return cached && { metadata: cached.metadata, isGuess: true };
  }

  return {
    forgetFailures: evaluations.forgetFailures,
    async read(repository, category, name) {
      // One version of a tree throughout, also where a sync switches to the next meanwhile.
      const root = await realPath(repository.location);
      const eclassFolders = await realFolders(await families.eclassFolders(repository));
      // A link that leads out of the tree would show bash what is there.
      const folder = await realPathInside(root, `${root}/${category}/${name}`);
      if (folder === undefined) return NOTHING;
      const ebuilds = await listEbuilds(folder, name);
      const place = { location: repository.location, category, package: name, folder, eclassFolders, ebuilds };
      const before = evaluations.get(place);
      const described: EbuildWithMetadata[] = [];
      const guessed: Ebuild[] = [];
      const unknown: Ebuild[] = [];
      const found = await mapInBatches(ebuilds, READ_AT_ONCE, async (ebuild) => ({
        ebuild,
        known: await look(root, place, ebuild, before),
      }));
      for (const { ebuild, known } of found) {
        if (known) described.push({ pf: ebuild.pf, metadata: known.metadata });
        else unknown.push(ebuild);
        if (known?.isGuess) guessed.push(ebuild);
      }
      return {
        known: described,
        stale: guessed,
        unknown,
        async evaluate(wanted) {
          const { metadata, failures } = await evaluations.evaluate(place, wanted);
          return { described: [...metadata].map(([pf, known]) => ({ pf, metadata: known.metadata })), failures };
        },
      };
    },
  };
}
