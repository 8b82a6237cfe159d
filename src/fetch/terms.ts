/**
 * What is asked of a source beyond the bytes where a file may change under its name: only what differs from the one that is
 * here already (RFC 9110, section 13), and nothing older than that.
 */
import type { ComputedDigests } from "../distfile/digests.ts";
import type { Source } from "../distfile/source.ts";
import type { UpstreamResponse } from "../upstream/request.ts";

export interface Terms {
  /** Fields of a request to this source; it may answer 304 where there are any. */
  conditions(source: Source): Readonly<Record<string, string>>;
  /** @throws {SourceError} where what it answers is not to be taken */
  vet(source: Source, response: UpstreamResponse): void;
  /** Whether it is the same wherever it comes from, as far as anybody can tell. */
  readonly anywhere: boolean;
  /** Resolves with what is wrong with the whole file, in words; undefined where nothing is known against it. */
  check(file: WholeFile): Promise<string | undefined>;
}

/** All bytes of it are here, but nobody has had the last of them. */
export interface WholeFile {
  readonly computed: ComputedDigests;
  /** Where the last piece came from, without credentials. */
  readonly url: string;
  /** Undefined where it can't be read again. */
  digestBy(algorithm: string): Promise<string | undefined>;
}
