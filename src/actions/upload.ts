/**
 * Stores a file that a person sends, such as one with RESTRICT=fetch: its bytes go to a part file as they come, are hashed beside that,
 * and get their name only if a Manifest confirms them. Of an upload that fails nothing stays.
 */
import { ActionError, type Upload, type UploadedFile } from "../api/actions.ts";
import type { InUse } from "../cache/in-use.ts";
import { openReservedPart, type ReservedPart } from "../cache/reserved-part.ts";
import type { StoredFiles } from "../cache/stored-files.ts";
import {
  type ComputedDigests,
  compareDigests,
  type Digests,
  differenceText,
  hasHash,
  neededAlgorithms,
  sizesText,
} from "../distfile/digests.ts";
import { StoreRefusesError } from "../distfile/errors.ts";
import type { Hasher } from "../distfile/hasher.ts";
import type { DistfileName } from "../distfile/name.ts";
import type { StoreRoom } from "../distfile/reservation.ts";
import { contentsOf, type WantedBy } from "../distfile/wanted-by.ts";
import { digestColumns, type FileRows } from "../index/files.ts";
import { abortable } from "../lib/abort.ts";
import type { Clock } from "../lib/clock.ts";
import { reasonOf } from "../lib/error-reason.ts";
import { plural } from "../lib/format.ts";
import { giveBack } from "../lib/give-back.ts";
import type { Store, StoredFile } from "../store/store.ts";
import { missing } from "./import-batch.ts";

export interface UploadDeps {
  readonly store: Pick<Store, "openPart" | "commit">;
  readonly rows: Pick<FileRows, "putStored" | "forgetPartial">;
  readonly storedFiles: Pick<StoredFiles, "find">;
  readonly hasher: Pick<Hasher, "open">;
  readonly inUse: Pick<InUse, "enter" | "note">;
  readonly room: StoreRoom;
  /** Called when the store does not take bytes, and with undefined when it has taken a file again. */
  readonly onStoreTrouble: (error: unknown) => void;
  readonly wantedBy: (name: DistfileName) => readonly WantedBy[];
  /** Resolves when the repositories have been read. */
  readonly repositoriesReady: () => Promise<unknown>;
  readonly clock: Clock;
}

/** Each keeps room in the store reserved while its bytes come, however slowly. */
const MAX_UPLOADS = 8;

/** Returns the contents that a file of this size may have. @throws {ActionError} where it has none of them */
function contentsOfSize(name: DistfileName, size: number, wanted: readonly WantedBy[]): readonly Digests[] {
  const contents = contentsOf(wanted);
  if (contents.length === 0)
    throw new ActionError(422, `No ebuild repository lists ${name}: nothing says which bytes are right.`);
  const fitting = contents.filter((content) => content.size === size);
  if (fitting.length === 0) throw new ActionError(422, `Wrong size of ${name}: ${sizesText(contents, size)}.`);
  const hashed = fitting.filter(hasHash);
  if (hashed.length > 0) return hashed;
  throw new ActionError(422, `The Manifest has no hash of ${name} that can be computed here.`);
}

/** Writes the bytes as they come, no faster than the disk takes them. @throws {ActionError} where they end early */
async function receive(
  { name, size, body }: UploadedFile,
  { part }: ReservedPart,
  onBytes: (end: number) => void,
  signal: AbortSignal,
): Promise<void> {
  const pieces = body[Symbol.asyncIterator]();
  let position = 0;
  const next = () => abortable(pieces.next(), signal);
  const brokenOff = () =>
    new ActionError(400, `The upload of ${name} broke off after ${position} of ${plural(size, "byte")}.`);
  try {
    for (;;) {
      const piece = await next().catch((error: unknown) => {
        throw signal.reason instanceof ActionError ? error : brokenOff();
      });
      if (piece.done) break;
      const { length } = piece.value;
      await part.write(piece.value, position, size);
      giveBack(piece.value);
      position += length;
      onBytes(position);
    }
  } finally {
    // The rest is not read.
    pieces.return?.().catch(() => undefined);
  }
  if (position !== size) throw brokenOff();
}

export function createUpload(deps: UploadDeps): Upload {
  const { store, rows, storedFiles, hasher, inUse, room, onStoreTrouble, wantedBy, clock } = deps;
  let uploads = 0;

  /** Opens the part file with room for all of it. @throws {ActionError} where there is none */
  async function open({ name, size }: UploadedFile): Promise<ReservedPart> {
    const reserved = openReservedPart(name, () => false, true, store, room, onStoreTrouble);
    let obstacle: ActionError | undefined;
    if (reserved.part.fd === undefined) obstacle = new ActionError(507, `The store does not take ${name} now.`);
    else if (!reserved.named) obstacle = new ActionError(409, `${name} is being uploaded or downloaded just now.`);
    else if (!(await reserved.reserve(size)))
      obstacle = new ActionError(507, `The store has no room for the ${plural(size, "byte")} of ${name}.`);
    if (obstacle === undefined) return reserved;
    reserved.leave(false);
    await reserved.close();
    throw obstacle;
  }

  /** @returns the digests, which a Manifest confirms */
  async function receiveRight(
    file: UploadedFile,
    contents: readonly Digests[],
    reserved: ReservedPart,
    signal: AbortSignal,
  ): Promise<ComputedDigests> {
    const job = hasher.open(reserved.part.fd, neededAlgorithms(contents));
    try {
      await receive(file, reserved, job.advance, signal);
      const computed = await job.finish(file.size);
      if (contents.some((content) => compareDigests(content, computed) === "same")) return computed;
      throw new ActionError(422, `Wrong bytes of ${file.name}: ${differenceText(contents, computed)}.`);
    } finally {
      await job.cancel();
    }
  }

  /** Gives the file its name, and lets clean-up leave it alone for a while. */
  async function commit({ name }: UploadedFile, { named }: ReservedPart): Promise<StoredFile> {
    const stored = named && (await store.commit(named, name, clock.now()));
    if (!stored) throw new ActionError(409, `Cannot store ${name}: a file or folder is in its way.`);
    onStoreTrouble(undefined);
    inUse.note(name);
    return stored;
  }

  async function receiveAndStore(file: UploadedFile, contents: readonly Digests[], signal: AbortSignal) {
    const leave = inUse.enter(file.name);
    try {
      const reserved = await open(file);
      try {
        const computed = await receiveRight(file, contents, reserved, signal);
        const { stamp } = await commit(file, reserved);
        return { stamp, computed };
      } catch (error) {
        if (error instanceof ActionError || error === signal.reason) throw error;
        if (!(error instanceof StoreRefusesError)) onStoreTrouble(error);
        throw new ActionError(507, `The store does not take ${file.name}: ${reasonOf(error)}`);
      } finally {
        reserved.leave(false);
        await reserved.close();
      }
    } finally {
      leave();
    }
  }

  return async (file, signal) => {
    const { name, size } = file;
    if (uploads >= MAX_UPLOADS) throw new ActionError(503, `${MAX_UPLOADS} files are being uploaded: try again later.`);
    uploads++;
    try {
      await abortable(deps.repositoriesReady(), signal);
      const wanted = wantedBy(name);
      const contents = contentsOfSize(name, size, wanted);
      const better = new Set(await missing(name, contentsOf(wanted), { storedFiles }));
      const acceptable = contents.filter((content) => better.has(content));
      if (acceptable.length === 0) return { name, size, outcome: "present" };
      const { stamp, computed } = await receiveAndStore(file, acceptable, signal);
      const now = clock.now();
      const times = { storedAt: now, usedAt: now };
      rows.putStored([{ name, ...digestColumns(computed), stamp, source: "", ...times, uses: 0, wantedOnce: true }]);
      rows.forgetPartial(name);
      return { name, size, outcome: "stored" };
    } finally {
      uploads--;
    }
  };
}
