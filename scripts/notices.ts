/**
 * Prints the copyright notices and licences of everything that the executable contains beside portcache: the packages of
 * package-lock.json, by the licence files in node_modules, and the runtime. For releases (NOTICES).
 */
import { readdirSync, readFileSync } from "node:fs";
import lock from "../package-lock.json" with { type: "json" };

interface LockedPackage {
  readonly version?: string;
  readonly license?: string;
  readonly dev?: boolean;
  readonly optional?: boolean;
}

export interface Notice {
  readonly name: string;
  readonly version: string;
  readonly license: string;
  readonly text: string;
}

const root = `${import.meta.dir}/..`;
const LICENSE_FILE = /^(licen[cs]e|copying|notice)/i;
/** Types and compilers leave nothing in the executable. */
const NOT_CONTAINED = /(^|\/)(@types|@typescript)\/|(^|\/)(typescript|[\w-]+-types)$/;

/** Where a package has no licence file, the terms that its licence field names. */
const TERMS: Readonly<Record<string, () => string>> = {
  "Apache-2.0": () => readFileSync(`${root}/node_modules/prom-client/LICENSE`, "utf8"),
  MIT: () => readFileSync(`${root}/node_modules/elysia/LICENSE`, "utf8").replace(/^Copyright .*$/m, ""),
};

function authorOf(folder: string): string {
  const { author } = JSON.parse(readFileSync(`${folder}/package.json`, "utf8"));
  return typeof author === "string" ? author : (author?.name ?? "");
}

/** @throws {Error} where a package has no licence that can be shown */
function textOf(name: string, license: string): string {
  const folder = `${root}/node_modules/${name}`;
  const files = readdirSync(folder).filter((file) => LICENSE_FILE.test(file));
  if (files.length > 0) return files.map((file) => readFileSync(`${folder}/${file}`, "utf8").trim()).join("\n\n");
  const terms = TERMS[license];
  if (!terms) throw new Error(`${name} has no licence file, and its licence is ${license}`);
  return `Copyright (c) ${authorOf(folder)}\n\n${terms().trim()}`;
}

export function packageNotices(): readonly Notice[] {
  const packages: Readonly<Record<string, LockedPackage>> = lock.packages;
  return Object.entries(packages).flatMap(([path, { version = "", license = "", dev, optional }]) => {
    const name = path.replace(/^node_modules\//, "");
    if (name === "" || dev || optional || NOT_CONTAINED.test(name)) return [];
    return [{ name, version, license, text: textOf(name, license) }];
  });
}

function runtimeNotice(): string {
  const { version } = lock.packages["node_modules/bun"];
  return `Bun ${version} (https://bun.sh), the runtime in the executable, is licensed under the MIT licence.

It statically links JavaScriptCore and parts of WebCore from WebKit (LGPL-2; the sources are at
https://github.com/oven-sh/webkit, and https://bun.sh/docs/project/licensing says how to link Bun with changed ones),
TinyCC (LGPL-2.1), BoringSSL (several licences), Brotli, c-ares, libdeflate, ls-hpack, ls-qpack, lsquic, mimalloc,
picohttpparser and uucode (MIT), highway, simdutf, uSockets and uWebSockets (Apache-2.0), ICU (Unicode licence), libarchive
(several licences), libbase64 and libspng (BSD-2-Clause), libwebp and lol-html (BSD-3-Clause), libjpeg-turbo (BSD-3-Clause,
IJG and zlib), zlib-ng (zlib) and Zstandard (BSD-3-Clause). It embeds polyfills under the MIT licence.

The full list, with the licence of each, is the licence file of https://github.com/oven-sh/bun/tree/bun-v${version}`;
}

const RULE = "-".repeat(80);

export function notices(): string {
  const packages = packageNotices().map(
    ({ name, version, license, text }) => `${RULE}\n${name} ${version} (${license})\n\n${text}\n`,
  );
  const intro =
    "portcache is free software under the GPL, version 3 or later: see LICENSE.\nIts executable contains the following.";
  return [intro, `${RULE}\n${runtimeNotice()}\n`, ...packages].join("\n\n");
}

if (import.meta.main) process.stdout.write(notices());
