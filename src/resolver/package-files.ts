/**
 * Which files a package needs: all that its Manifest has, or those of one version, whatever the USE flags.
 */
import type { Repository } from "../repos/discover.ts";
import type { MetadataReader } from "../repos/ebuild-metadata.ts";
import { parseSrcUri } from "../repos/formats/src-uri.ts";

export interface VersionFiles {
  /** Of those ebuilds that are of this version. */
  readonly ebuilds: readonly string[];
  readonly names: ReadonlySet<string>;
  /** Why ebuilds are not known, sentence parts. */
  readonly failures: readonly string[];
}

/** @param version as in the ebuild's name; without a revision it means all of them */
export async function filesOfVersion(
  repository: Repository,
  category: string,
  name: string,
  version: string,
  packages: MetadataReader,
): Promise<VersionFiles> {
  const opened = await packages.read(repository, category, name);
  const isMeant = ({ pf }: { readonly pf: string }) =>
    pf === `${name}-${version}` || (pf.startsWith(`${name}-${version}-r`) && /-r\d+$/.test(pf));
  const rest = opened.unknown.filter(isMeant);
  const { described, failures } = await opened.evaluate(rest);
  const meant = [...opened.known.filter(isMeant), ...described];
  const files = meant.flatMap(({ metadata }) => [...parseSrcUri(metadata.srcUri, metadata.eapi).files.keys()]);
  return {
    ebuilds: meant.map(({ pf }) => pf),
    names: new Set(files),
    failures: [...failures].map(([pf, reason]) => `${category}/${pf} ${reason}`),
  };
}
