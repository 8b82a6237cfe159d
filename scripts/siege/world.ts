/**
 * Names what is right in a siege: the files that Manifests vouch for, with their contents; and writes the two repositories, the
 * second of which is hostile.
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { linkSync, mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { type Content, readContent } from "../../src/testing/content.ts";
import { type TestRepository, writeRepository } from "../../src/testing/repository.ts";

const KIB = 1024;
const STORED = 24;
const LARGE = 4;
/** Files that honest clients fetch once each; together they fit in the store beside the others. */
const MISSES = 3_000;
const MISS_BYTES = 8 * KIB;
/** Known files of which HEADs are asked; nobody fetches them. */
const ASKED = 60;
/** Files that come in slowly. */
const INCOMING = 4;
const INCOMING_BYTES = 8 * 1024 * KIB;

export const ADMIN_TOKEN = "right";

/** Files in the store before the siege; the last ones are large. 90 MiB together. */
export const STORED_NAMES = Array.from({ length: STORED }, (_, i) => `stored-${i}.tar.xz`);
export const LARGE_NAMES = STORED_NAMES.slice(-LARGE);
export const MISS_NAMES = Array.from({ length: MISSES }, (_, i) => `miss-${i}.tar.xz`);
export const ASKED_NAMES = Array.from({ length: ASKED }, (_, i) => `asked-${i}.tar.xz`);
export const INCOMING_NAMES = Array.from({ length: INCOMING }, (_, i) => `incoming-${i}.tar.xz`);
/** Files of the hostile repository; no mirror has them. */
export const BAD_NAMES = ["expanded-1.zip", "credentials-1.zip", "versions-1.zip", "versions-2.zip", "device-1.zip"];

const NAMES = { stored: STORED_NAMES, miss: MISS_NAMES, asked: ASKED_NAMES, incoming: INCOMING_NAMES };
/** All that Manifests vouch for. */
export const GOOD_NAMES = Object.values(NAMES).flat();

export function contentOf(name: string): Content {
  const [, kind, digits] = /^(\w+)-(\d+)/.exec(name) ?? [];
  const i = Number(digits);
  if (kind === "incoming") return { size: INCOMING_BYTES, seed: 100 + i };
  if (kind !== "stored") return `${name}\n`.repeat(Math.ceil(MISS_BYTES / name.length));
  // Odd sizes, so that no piece ends where a block does.
  const kib = i >= STORED - LARGE ? 20 * KIB : 8 + i * 48;
  return { size: kib * KIB + i * 7, seed: i + 1 };
}

export const bytesOf = (name: string) => readContent(contentOf(name));

export function writeGood(location: string): TestRepository {
  const repository = writeRepository(location);
  for (const [name, files] of Object.entries(NAMES)) {
    const dist = Object.fromEntries(files.map((file) => [file, contentOf(file)]));
    repository.put(`app-good/${name}`, { dist, ebuilds: [{ version: "1" }] });
  }
  return repository;
}

export interface HostileSizes {
  readonly bases: number;
  readonly mirrorUris: number;
  readonly versions: number;
  readonly entryCharacters: number;
}

/** @param victim origin of the host that the third-party mirrors all name */
export function writeHostile(location: string, victim: string, sizes: HostileSizes): TestRepository {
  const repository = writeRepository(location, { name: "hostile", masters: ["gentoo"] });
  const dist = (...names: readonly string[]) =>
    Object.fromEntries(names.map((name) => [name, { size: 4 * KIB, seed: 1 }]));
  const cache = join(location, "metadata/md5-cache/app-bad");

  const bases = Array.from({ length: sizes.bases }, (_, i) => `${victim}/base-${i}`);
  repository.write("profiles/thirdpartymirrors", `many ${bases.join(" ")}\n`);
  const many = Array.from({ length: sizes.mirrorUris }, (_, i) => `mirror://many/${i} -> expanded-1.zip`);
  repository.put("app-bad/expanded", {
    dist: dist("expanded-1.zip"),
    ebuilds: [{ version: "1", srcUri: many.join(" ") }],
  });

  const long = `http://user:secret@127.0.0.1:1/${"a.".repeat(sizes.entryCharacters / 2)} -> credentials-1.zip`;
  repository.put("app-bad/credentials", {
    dist: dist("credentials-1.zip"),
    ebuilds: [
      { version: "1", srcUri: long },
      { version: "2", srcUri: long.replace("http:", "ftp:") },
    ],
  });

  repository.put("app-bad/device", {
    dist: dist("device-1.zip"),
    ebuilds: [{ version: "1", srcUri: "http://127.0.0.1:1/device-1.zip" }],
  });
  symlinkSync("/dev/zero", join(cache, "device-2"));
  execFileSync("mkfifo", [join(cache, "device-3")]);
  for (const version of [2, 3]) repository.write(`app-bad/device/device-${version}.ebuild`, "EAPI=8\n");

  const text = "EAPI=8\n";
  const md5 = createHash("md5").update(text).digest("hex");
  const uris = Array.from({ length: Math.ceil(sizes.entryCharacters / 40) }, (_, i) => {
    return `http://127.0.0.1:1/${i}/aaaaaaaaaaa/f-${i}.zip`;
  });
  repository.put("app-bad/versions", { dist: dist("versions-1.zip", "versions-2.zip") });
  repository.write("app-bad/versions/versions-1.ebuild", text);
  mkdirSync(cache, { recursive: true });
  repository.write(
    "metadata/md5-cache/app-bad/versions-1",
    `DEFINED_PHASES=-\nEAPI=8\nSLOT=0\nSRC_URI=${uris.join(" ").slice(0, sizes.entryCharacters)}\n_md5_=${md5}\n`,
  );
  // Links, because 500 entries of a megabyte each would fill a disk.
  for (let version = 2; version <= sizes.versions; version++) {
    linkSync(
      join(location, "app-bad/versions/versions-1.ebuild"),
      join(location, `app-bad/versions/versions-${version}.ebuild`),
    );
    linkSync(join(cache, "versions-1"), join(cache, `versions-${version}`));
  }
  return repository;
}
