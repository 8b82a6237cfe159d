/**
 * What a download is told by who begins it: which file, under which terms, and what becomes of it.
 */
import type { ComputedDigests, Digests } from "../distfile/digests.ts";
import type { NotModifiedError } from "../distfile/errors.ts";
import type { FileName } from "../distfile/mirror-path.ts";
import type { SourceList } from "../distfile/source.ts";
import type { Part } from "./part-writer.ts";
import type { Validator } from "./resume.ts";
import type { Terms } from "./terms.ts";

export interface Finished {
  readonly computed: ComputedDigests;
  /** Upstream's Last-Modified, in milliseconds. */
  readonly lastModifiedAt: number | undefined;
  /** URL that the last piece came from, and the header fields of that answer. */
  readonly url: string;
  readonly fields: Headers;
}

export interface DownloadPlan {
  readonly name: FileName;
  /** What a Manifest says; undefined where no tree knows the name. */
  readonly expected: Digests | undefined;
  readonly part: Part;
  readonly validator: Validator | undefined;
  /** Whether commit() means to put it into the store. */
  readonly keeps: boolean;
  readonly loopHeaders: Readonly<Record<string, string>>;
  /** Waits for a free place, and gives the function that frees it. */
  acquire(): Promise<() => void>;
  /** The last byte waits until the store has the file, too. */
  readonly storesFirst?: boolean;
  /** Asks for room to store it; without it is passed on to who reads it, and that is all. */
  reserve(): Promise<boolean>;
  /** Somebody waits for it from now on. */
  urge(): void;
  /** Finds out whom to ask; before a place is waited for, as it may take long (an ebuild has to be sourced). */
  offer(): Promise<SourceList>;
  remember(validator: Validator): void;
  /** Of a file that may change under its name. */
  readonly terms?: Terms;
  /** By those terms the one that is here already is current: the download ends with that, before anybody is told. */
  unchanged?(answer: NotModifiedError): void;
  /** Gives the file its final name; false where it could not be kept, the bytes being right all the same. */
  commit(finished: Finished): Promise<boolean>;
}
