/**
 * Describes what the index keeps of Manifests, package by package, for the scan that reads them.
 */
import type { DistEntry } from "./digests.ts";

/** A package's Manifest as read. */
export interface ScannedPackage {
  readonly category: string;
  readonly package: string;
  readonly stamp: string;
  readonly entries: readonly DistEntry[];
}

/** A package's Manifest as the index knows it. */
export interface KnownPackage {
  /** Changes whenever the Manifest does. */
  readonly stamp: string;
  /** How many DIST entries it has. */
  readonly distfiles: number;
}

export interface ManifestRows {
  categories(repositoryId: number): readonly string[];
  packages(repositoryId: number, category: string): ReadonlyMap<string, KnownPackage>;
  /**
   * Replaces packages in one transaction: a reader sees each package as it was or as it is. Writes only what differs, as most
   * Manifests that were touched say the same; returns how many want other content than before.
   */
  replace(repositoryId: number, packages: readonly ScannedPackage[]): number;
  remove(repositoryId: number, category: string, packages: readonly string[]): void;
}
