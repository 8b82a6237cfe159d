/**
 * Whether a whole file is the one that the Manifest means, and where it is not, who is to blame: what each source brought is
 * remembered, to be compared with the right bytes once they are there.
 */
import { type ComputedDigests, compareDigests } from "../distfile/digests.ts";
import type { Source } from "../distfile/source.ts";
import { type Assembly, type Contribution, type Suspicion, startOver } from "./assembly.ts";

export type Verdict =
  | { readonly kind: "right"; readonly computed: ComputedDigests }
  /** One source alone is to blame. */
  | { readonly kind: "liar"; readonly source: Source }
  /** What says so may be of another time than the file: that is no fault. */
  | { readonly kind: "unfit"; readonly source: Source; readonly why: string }
  /** Several had a part in it, or an earlier run; `last` brought the end. */
  | { readonly kind: "mixed"; readonly last: Source | undefined };

async function fingerprintOf({ incoming }: Assembly, one: Contribution): Promise<Suspicion> {
  return { ...one, fingerprint: await incoming.fingerprint(one) };
}

/** Those that brought other bytes than the right ones when it came out wrong before; only once the file is right. */
export async function findLiars(assembly: Assembly): Promise<ReadonlySet<Source>> {
  const liars = new Set<Source>();
  for (const { source, start, end, fingerprint } of assembly.suspicions) {
    if (source === "before" || liars.has(source)) continue;
    if ((await assembly.incoming.fingerprint({ start, end })) !== fingerprint) liars.add(source);
  }
  assembly.suspicions = [];
  return liars;
}

async function checkTerms(assembly: Assembly, computed: ComputedDigests): Promise<Verdict> {
  const { incoming, url, terms, contributions } = assembly;
  const why = await terms?.check({ computed, url, digestBy: incoming.digestBy });
  if (why === undefined) return { kind: "right", computed };
  const suspects = [...new Set(contributions.map(({ source }) => source))];
  const last = contributions.at(-1)?.source;
  await startOver(assembly, true);
  if (last === undefined || last === "before" || suspects.length > 1) return { kind: "mixed", last: undefined };
  return { kind: "unfit", source: last, why };
}

/** Checks the whole file; where its bytes are not those of the Manifest they are gone after this. */
export async function judge(assembly: Assembly): Promise<Verdict> {
  const computed = await assembly.incoming.digest();
  if (!assembly.expected) return await checkTerms(assembly, computed);
  if (compareDigests(assembly.expected, computed) !== "different") return { kind: "right", computed };
  const { contributions } = assembly;
  const suspects = new Set(contributions.map(({ source }) => source));
  const last = contributions.toSorted((a, b) => a.end - b.end).findLast(({ source }) => source !== "before")?.source;
  const lastSource = last === "before" ? undefined : last;
  const suspicions = suspects.size === 1 ? [] : contributions.map((one) => fingerprintOf(assembly, one));
  assembly.suspicions = [...assembly.suspicions, ...(await Promise.all(suspicions))];
  await startOver(assembly, true);
  const isAlone = suspects.size === 1 && lastSource !== undefined;
  return isAlone ? { kind: "liar", source: lastSource } : { kind: "mixed", last: lastSource };
}
