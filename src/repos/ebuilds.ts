/**
 * Lists the ebuilds of a package on disk, and reads their metadata/md5-cache entries.
 */
import { mapInBatches } from "../lib/batches.ts";
import { giveBack } from "../lib/give-back.ts";
import { listAtMost } from "../lib/list-folder.ts";
import { md5Of } from "./file-cache.ts";
import { readEapi } from "./formats/ebuild-eapi.ts";
import { type CachedMetadata, parseMd5Cache } from "./formats/md5-cache.ts";
import {
  type ByteBudget,
  createByteBudget,
  readFailureOf,
  readInside,
  type Unreadable,
  unreadableReason,
} from "./repository-files.ts";

/** One version of a package. */
export interface Ebuild {
  /** Package name and version with revision: `foo-1.2-r1`. */
  readonly pf: string;
  readonly md5: string;
  readonly eapi: string;
}

/** Why the metadata of an ebuild is unknown. */
export interface EvaluationFailure {
  /** A sentence part: `took too long`. */
  readonly reason: string;
  /** Whether it may work at another time. */
  readonly passing: boolean;
}

/** PMS 3.2, as far as needed to tell versions of `foo` from versions of `foo-bar`. */
const VERSION = /^\d[\w.-]*$/;

/** Real packages have fewer than 100. */
const MAX_EBUILDS = 500;
/** Files and folders in the folder of a package: only their names are read, but they are sorted. */
const MAX_FOLDER_ENTRIES = 5_000;
export const READ_AT_ONCE = 8;

/** Ebuilds and md5-cache entries of one package together, which the largest real packages reach half of. */
const MAX_PACKAGE_BYTES = 16 * 1024 * 1024;

/** Longer files, of which several come at once, wait for a turn of the event loop each: to decode and hash one takes milliseconds. */
const LONG_BYTES = 64 * 1024;

/** To be awaited before a long file is decoded. */
type LongTurn = () => Promise<void> | undefined;

/** Made once, as it takes a tenth of the time of localeCompare(). */
const byVersion = new Intl.Collator("en", { numeric: true });

export function createPackageBudget(): ByteBudget {
  return createByteBudget(MAX_PACKAGE_BYTES);
}

export interface ListedEbuilds {
  readonly ebuilds: readonly Ebuild[];
  /** Why ebuilds were not read; by pf, or by the package's name. */
  readonly refused: ReadonlyMap<string, EvaluationFailure>;
}

/** Says why the metadata of something that was not read is unknown. */
export function unreadFailure(file: Unreadable): EvaluationFailure {
  return { reason: unreadableReason(file), passing: file.passing === true };
}

/**
 * Lists the newest versions first, roughly.
 * @param look gets each path before it is read
 * @param folder real path of `…/CATEGORY/PACKAGE`, which is all that bash sees of the repository besides eclasses
 */
export async function listEbuilds(
  folder: string,
  name: string,
  budget: ByteBudget,
  look: (path: string) => void,
  longTurn: LongTurn,
): Promise<ListedEbuilds> {
  look(folder);
  const refused = new Map<string, EvaluationFailure>();
  const files = await listAtMost(folder, MAX_FOLDER_ENTRIES + 1).catch((error: unknown) => {
    const failure = readFailureOf(error, folder);
    if (failure.kind === "unreadable") refused.set(name, unreadFailure(failure));
    return [];
  });
  if (files.length > MAX_FOLDER_ENTRIES) {
    const reason = `is in a folder of more than ${MAX_FOLDER_ENTRIES} files`;
    return { ebuilds: [], refused: new Map([[name, { reason, passing: false }]]) };
  }
  const pfs = files
    .filter((file) => file.startsWith(`${name}-`) && file.endsWith(".ebuild"))
    .map((file) => file.slice(0, -".ebuild".length))
    .filter((pf) => VERSION.test(pf.slice(name.length + 1)))
    .sort((a, b) => byVersion.compare(b, a));
  const ebuilds = await mapInBatches(pfs.slice(0, MAX_EBUILDS), READ_AT_ONCE, async (pf) => {
    const path = `${folder}/${pf}.ebuild`;
    look(path);
    const file = await readInside(folder, path, { kind: "ebuild", budget });
    if (file.kind === "unreadable") refused.set(pf, unreadFailure(file));
    const bytes = file.kind === "file" ? file.bytes : undefined;
    if (!bytes) return [];
    if (bytes.length > LONG_BYTES) await longTurn();
    const ebuild = { pf, md5: md5Of(bytes), eapi: readEapi(bytes.toString("utf8")) };
    giveBack(bytes);
    return [ebuild];
  });
  return { ebuilds: ebuilds.flat(), refused };
}

/** Returns the md5-cache entry that was made from this very ebuild, with whatever eclasses; undefined where there is none. */
export async function readMd5Cache(
  root: string,
  category: string,
  { pf, md5 }: Ebuild,
  budget: ByteBudget,
  look: (path: string) => void,
  longTurn: LongTurn,
): Promise<CachedMetadata | Unreadable | undefined> {
  const path = `${root}/metadata/md5-cache/${category}/${pf}`;
  look(path);
  const file = await readInside(root, path, { kind: "md5-cache", budget });
  if (file.kind === "unreadable") return file;
  const bytes = file.kind === "file" ? file.bytes : undefined;
  if (!bytes) return undefined;
  if (bytes.length > LONG_BYTES) await longTurn();
  const cached = parseMd5Cache(bytes.toString("utf8"));
  giveBack(bytes);
  return cached?.md5 === md5 ? cached : undefined;
}
