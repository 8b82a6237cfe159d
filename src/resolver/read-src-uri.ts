/**
 * Parses the SRC_URI of ebuilds one after the other, so that a package with many or long ones never holds up the event loop.
 */
import { createEventLoopTurns } from "../lib/event-loop-turns.ts";
import { createSteps } from "../lib/steps.ts";
import type { EbuildMetadata } from "../repos/formats/md5-cache.ts";
import { parseSrcUriInSteps, type SrcUris } from "../repos/formats/src-uri.ts";

type Metadata = Pick<EbuildMetadata, "srcUri" | "eapi">;

export interface SrcUriReader {
  /** Parses the SRC_URI of one ebuild. */
  read(metadata: Metadata): Promise<SrcUris>;
  /** Parses it where it mentions the file: most ebuilds of a large package do not. */
  readFor(name: string, metadata: Metadata): Promise<SrcUris | undefined>;
}

/** Searching that many characters takes a tenth of a millisecond. */
const LONG_CHARACTERS = 64 * 1024;

/**
 * Returns what begins to parse the SRC_URI of one ebuild after another, in short steps. All who ask for the same metadata share
 * one parse, which is kept as long as that is remembered.
 */
export function createSrcUriReader(): () => SrcUriReader {
  const parsed = new WeakMap<object, Promise<SrcUris>>();
  const longTurns = createEventLoopTurns(1);

  async function parse({ srcUri, eapi }: Metadata, endStep: () => Promise<void>) {
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
    function read(metadata: Metadata): Promise<SrcUris> {
      const known = parsed.get(metadata);
      if (known !== undefined) return known;
      endStep ??= createSteps();
      const uris = parse(metadata, endStep);
      parsed.set(metadata, uris);
      return uris;
    }
    return {
      read,
      async readFor(name, metadata) {
        const { srcUri } = metadata;
        if (srcUri.length > LONG_CHARACTERS) await longTurns();
        return srcUri.includes(name) ? await read(metadata) : undefined;
      },
    };
  };
}
