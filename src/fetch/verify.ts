/**
 * Verifies a complete file against the Manifest or its digest file, and finds out which source sent wrong bytes: of a file that
 * came from several, what each contributed is remembered, to be compared with the right bytes once they are there.
 */
import { type ComputedDigests, compareDigests } from "../distfile/digests.ts";
import type { Source } from "../distfile/source.ts";
import { type Assembly, type Contribution, discardAll, type SuspectRange } from "./assembly.ts";

export type VerifyResult =
  | { readonly kind: "right"; readonly computed: ComputedDigests }
  /** All bytes came from one source, and they are not those of the Manifest. */
  | { readonly kind: "corrupt"; readonly source: Source }
  /** The source's file does not match its digest file, which may be of another time: that is no fault. */
  | { readonly kind: "outdated"; readonly source: Source; readonly why: string }
  /** Several sources contributed, or an earlier download; `last` sent the end. */
  | { readonly kind: "mixed"; readonly last: Source | undefined };

async function suspectRange({ writer }: Assembly, one: Contribution): Promise<SuspectRange> {
  return { ...one, fingerprint: await writer.fingerprint(one) };
}

/** Returns the sources whose bytes were wrong when the file came out wrong before; to be called once the file is right. */
export async function findCorruptSources(assembly: Assembly): Promise<ReadonlySet<Source>> {
  const corrupt = new Set<Source>();
  for (const { source, start, end, fingerprint } of assembly.suspectRanges) {
    if (source === "before" || corrupt.has(source)) continue;
    if ((await assembly.writer.fingerprint({ start, end })) !== fingerprint) corrupt.add(source);
  }
  assembly.suspectRanges = [];
  return corrupt;
}

async function verifyByDigestFile(assembly: Assembly, computed: ComputedDigests): Promise<VerifyResult> {
  const { writer, url, revalidation, contributions } = assembly;
  const why = await revalidation?.checkDigest({ computed, url, digestBy: writer.digestBy });
  if (why === undefined) return { kind: "right", computed };
  const suspects = new Set(contributions.map(({ source }) => source));
  const last = contributions.at(-1)?.source;
  await discardAll(assembly, true);
  if (last === undefined || last === "before" || suspects.size > 1) return { kind: "mixed", last: undefined };
  return { kind: "outdated", source: last, why };
}

/** Verifies the complete file; discards all bytes of a wrong one. */
export async function verify(assembly: Assembly): Promise<VerifyResult> {
  const computed = await assembly.writer.digest(assembly.lastModifiedAt);
  if (!assembly.expected) return await verifyByDigestFile(assembly, computed);
  if (compareDigests(assembly.expected, computed) !== "different") return { kind: "right", computed };
  const { contributions } = assembly;
  const suspects = new Set(contributions.map(({ source }) => source));
  const last = contributions.toSorted((a, b) => a.end - b.end).findLast(({ source }) => source !== "before")?.source;
  const lastSource = last === "before" ? undefined : last;
  const ranges = suspects.size === 1 ? [] : contributions.map((one) => suspectRange(assembly, one));
  assembly.suspectRanges = [...assembly.suspectRanges, ...(await Promise.all(ranges))];
  await discardAll(assembly, true);
  const isAlone = suspects.size === 1 && lastSource !== undefined;
  return isAlone ? { kind: "corrupt", source: lastSource } : { kind: "mixed", last: lastSource };
}
