/**
 * Lists the distfiles of one version of a package, whatever the USE flags.
 */
import type { Repository } from "../repos/discover.ts";
import type { MetadataReader } from "../repos/ebuild-metadata.ts";
import type { SrcUriReader } from "./read-src-uri.ts";

export interface VersionFiles {
  /** Ebuilds of this version. */
  readonly ebuilds: readonly string[];
  readonly names: ReadonlySet<string>;
  /** Reasons why the metadata of ebuilds is unknown, sentence parts. */
  readonly failures: readonly string[];
}

/** @param version as in the ebuild's name; without a revision it stands for all revisions */
export async function filesOfVersion(
  repository: Repository,
  category: string,
  name: string,
  version: string,
  metadata: Pick<MetadataReader, "read">,
  srcUris: SrcUriReader,
): Promise<VersionFiles> {
  const { known, unknown, refused, evaluate } = await metadata.read(repository, category, name);
  const matches = ({ pf }: { readonly pf: string }) =>
    pf === `${name}-${version}` || (pf.startsWith(`${name}-${version}-r`) && /-r\d+$/.test(pf));
  const { evaluated, failures } = await evaluate(unknown.filter(matches));
  const ebuilds = [...known.filter(matches), ...evaluated];
  const files: string[] = [];
  for (const { metadata: ebuild } of ebuilds) files.push(...(await srcUris.read(ebuild)).files.keys());
  return {
    ebuilds: ebuilds.map(({ pf }) => pf),
    names: new Set(files),
    failures: [
      ...[...refused]
        .filter(([pf]) => pf === name || matches({ pf }))
        .map(([pf, { reason }]) => `${category}/${pf} ${reason}`),
      ...[...failures].map(([pf, { reason }]) => `${category}/${pf} ${reason}`),
    ],
  };
}
