/**
 * Parses the SRC_URI of ebuilds one after the other, so that a package with many or long ones never holds up the event loop.
 */
import { createSteps } from "../lib/steps.ts";
import type { EbuildMetadata } from "../repos/formats/md5-cache.ts";
import { parseSrcUriInSteps, type SrcUris } from "../repos/formats/src-uri.ts";

/** Parses the SRC_URI of one ebuild. */
export type ReadSrcUri = (metadata: Pick<EbuildMetadata, "srcUri" | "eapi">) => Promise<SrcUris>;

/**
 * Returns what begins to parse the SRC_URI of one ebuild after another, in short steps. All who ask for the same metadata share
 * one parse, which is kept as long as that is remembered.
 */
export function createSrcUriReader(): () => ReadSrcUri {
  const parsed = new WeakMap<object, Promise<SrcUris>>();

  async function parse({ srcUri, eapi }: Pick<EbuildMetadata, "srcUri" | "eapi">, endStep: () => Promise<void>) {
    const steps = parseSrcUriInSteps(srcUri, eapi);
    for (;;) {
      const { done, value } = steps.next();
      await endStep();
      if (done) return value;
    }
  }

  return () => {
    // Not before there is something to parse: reading the first ebuild is no work of the event loop.
    let endStep: (() => Promise<void>) | undefined;
    return async (metadata) => {
      const known = parsed.get(metadata);
      if (known !== undefined) return await known;
      endStep ??= createSteps();
      // Before it is awaited: files of one ebuild are asked for at once.
      const uris = parse(metadata, endStep);
      parsed.set(metadata, uris);
      return await uris;
    };
  };
}
