/**
 * Keeps what is right in a storm: the files with every content that they had, when each became outdated, and their repository.
 */
import { type Content, digestsOf, type GeneratedContent, readContent } from "../../src/testing/content.ts";
import { type TestRepository, writeRepository } from "../../src/testing/repository.ts";
import type { Random } from "./random.ts";

export interface Version {
  readonly content: GeneratedContent;
  readonly bytes: Uint8Array;
  readonly etag: string;
  readonly blake2b: string;
  /** By performance.now(): a request sent later must not get this version. */
  outdatedAt: number;
}

export interface World {
  readonly names: readonly string[];
  readonly repository: TestRepository;
  readonly largestBytes: number;
  /** Returns a file's versions, the newest first. */
  versions(name: string): readonly Version[];
  /** Gives a file another content, in the Manifest as well; the old one is outdated once the server has read the Manifest. */
  replace(name: string): GeneratedContent;
  /** Marks that the server has read all Manifests that were changed before that instant. */
  markRead(before: number): void;
  /** Marks that the server may have lost what it read: it serves stored files while it reads all Manifests again. */
  markLost(): void;
  /** Marks that another program changes or removes a stored file. */
  markMeddled(name: string): void;
  /** Returns whether another program has changed or removed the stored file since that instant. */
  wasMeddled(name: string, since: number): boolean;
}

const KIB = 1024;
const PER_PACKAGE = 4;

/** Draws a small size, one of a file verified before its first byte, a larger one, or one of a file fetched in segments. */
function drawSize(i: number, random: Random): number {
  const kind = i % 12;
  if (kind === 11) return (12 + random.below(9)) * KIB * KIB + random.below(KIB);
  if (kind >= 8) return (4 + random.below(4)) * KIB * KIB + 1 + random.below(KIB);
  if (kind >= 4) return (100 + random.below(3500)) * KIB + random.below(KIB);
  return 1 + random.below(80 * KIB);
}

function makeVersion(content: GeneratedContent): Version {
  const { blake2b } = digestsOf(content);
  const bytes = readContent(content);
  // The server makes the same ETag while it downloads, from the store, and after the index was rebuilt.
  return { content, bytes, blake2b, etag: `"${blake2b.slice(0, 32)}"`, outdatedAt: Number.POSITIVE_INFINITY };
}

export function createWorld(repositoryFolder: string, count: number, random: Random): World {
  const repository = writeRepository(repositoryFolder);
  const names = Array.from({ length: count }, (_, i) => `storm-${i}.tar.xz`);
  const versions = new Map<string, Version[]>();
  const meddledAt = new Map<string, number>();
  const replaced: { readonly version: Version; readonly at: number }[] = [];
  for (const [i, name] of names.entries()) {
    versions.set(name, [makeVersion({ size: drawSize(i, random), seed: i + 1 })]);
  }
  const of = (name: string) => versions.get(name) ?? [];
  const packageOf = (name: string) => Math.floor(names.indexOf(name) / PER_PACKAGE);

  function put(number: number): void {
    const own = names.filter((name) => packageOf(name) === number);
    const dist: Record<string, Content> = {};
    for (const name of own) dist[name] = of(name)[0]?.content ?? "";
    const srcUri = own.map((name) => `https://example.org/${name}`).join(" ");
    repository.put(`app-storm/package-${number}`, { dist, ebuilds: [{ version: "1.0", srcUri }] });
  }

  for (let number = 0; number * PER_PACKAGE < count; number++) put(number);
  return {
    names,
    repository,
    largestBytes: Math.max(...[...versions.values()].map(([version]) => version?.content.size ?? 0)),
    versions: of,
    replace(name) {
      const [old] = of(name);
      if (!old) throw new Error(`There is no ${name}`);
      // Half of them have the same size, so that only the hash differs.
      const shrink = random.percent(50) ? 0 : random.below(old.content.size);
      const content = { size: old.content.size - shrink, seed: 1000 + random.below(1_000_000) };
      versions.set(name, [makeVersion(content), ...of(name)]);
      put(packageOf(name));
      repository.markSynced();
      replaced.push({ version: old, at: performance.now() });
      return content;
    },
    markRead(before) {
      const now = performance.now();
      for (const { version, at } of replaced) if (at < before) version.outdatedAt = Math.min(version.outdatedAt, now);
    },
    markLost() {
      for (const { version } of replaced) version.outdatedAt = Number.POSITIVE_INFINITY;
    },
    markMeddled: (name) => void meddledAt.set(name, performance.now()),
    wasMeddled: (name, since) => (meddledAt.get(name) ?? Number.NEGATIVE_INFINITY) >= since,
  };
}
