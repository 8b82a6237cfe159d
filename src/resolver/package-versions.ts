/**
 * Lists the versions of a package with their slots and files, as far as that is known without sourcing ebuilds.
 */
import { realpath } from "node:fs/promises";
import { mapInBatches } from "../lib/batches.ts";
import type { Repository } from "../repos/discover.ts";
import type { MetadataReader } from "../repos/ebuild-metadata.ts";
import { createPackageBudget, READ_AT_ONCE } from "../repos/ebuilds.ts";
import { parseRestrict } from "../repos/formats/src-uri.ts";
import { readInside } from "../repos/repository-files.ts";
import type { SrcUriReader } from "./read-src-uri.ts";

export interface PackageVersion {
  /** With revision: `1.2-r1`. */
  readonly version: string;
  /** Undefined where neither metadata/md5-cache nor the ebuild says it in plain words. */
  readonly slot: string | undefined;
  /** Undefined where the ebuild would have to be sourced. */
  readonly files: readonly string[] | undefined;
  /** Whether RESTRICT has fetch, whatever the USE flags. */
  readonly fetchRestricted: boolean;
}

/** The newest are shown. */
const MAX_VERSIONS = 100;
const SLOT = /^SLOT=["']?([\w+./-]{1,64})["']?$/m;

export async function versionsOf(
  repository: Repository,
  category: string,
  name: string,
  metadata: Pick<MetadataReader, "read">,
  srcUris: SrcUriReader,
): Promise<readonly PackageVersion[]> {
  const { known, unknown } = await metadata.read(repository, category, name);
  const root = await realpath(repository.location).catch(() => repository.location);
  const budget = createPackageBudget();

  async function slotOf(pf: string): Promise<string | undefined> {
    for (const [path, kind] of [
      [`metadata/md5-cache/${category}/${pf}`, "md5-cache"],
      [`${category}/${name}/${pf}.ebuild`, "ebuild"],
    ] as const) {
      const file = await readInside(root, `${root}/${path}`, { kind, budget });
      const slot = file.kind === "file" ? SLOT.exec(file.bytes?.toString("utf8") ?? "")?.[1] : undefined;
      if (slot !== undefined) return slot;
    }
    return undefined;
  }

  const byPf = new Map(known.map((ebuild) => [ebuild.pf, ebuild.metadata]));
  const pfs = [...byPf.keys(), ...unknown.map(({ pf }) => pf)];
  const order = new Intl.Collator("en", { numeric: true });
  const newest = pfs.toSorted((a, b) => order.compare(b, a)).slice(0, MAX_VERSIONS);
  return await mapInBatches(newest, READ_AT_ONCE, async (pf) => {
    const ebuild = byPf.get(pf);
    return {
      version: pf.slice(name.length + 1),
      slot: await slotOf(pf),
      files: ebuild && [...(await srcUris.read(ebuild)).files.keys()],
      fetchRestricted: ebuild !== undefined && parseRestrict(ebuild.restrict).fetch === "yes",
    };
  });
}
