/**
 * Parses the SRC_URI of ebuilds one after the other, so that a package with many or long ones never holds up the event loop.
 */
import { createSteps } from "../lib/steps.ts";
import type { EbuildMetadata } from "../repos/formats/md5-cache.ts";
import { parseSrcUriInSteps, type SrcUris } from "../repos/formats/src-uri.ts";

/** Returns what parses the SRC_URI of one ebuild after another, in short steps. */
export function createSrcUriReader(): (metadata: Pick<EbuildMetadata, "srcUri" | "eapi">) => Promise<SrcUris> {
  const endStep = createSteps();
  return async ({ srcUri, eapi }) => {
    const steps = parseSrcUriInSteps(srcUri, eapi);
    for (;;) {
      const { done, value } = steps.next();
      await endStep();
      if (done) return value;
    }
  };
}
