/**
 * What a repository takes from others: eclasses of its masters (portage: repository/config.py, eclass_locations) and the
 * lists of third-party mirrors (its own and its masters', then anybody's; /etc/portage/mirrors before all).
 */
import { readdir, realpath } from "node:fs/promises";
import type { Repository } from "./discover.ts";
import { createFileCache } from "./file-cache.ts";
import { parseRepoLayout, type RepoLayout } from "./formats/repo-layout.ts";
import { type MirrorLists, parseMirrorLists, stackMirrorLists } from "./formats/third-party-mirrors.ts";

export interface Known {
  /** In order. */
  readonly repositories: readonly Repository[];
  /** Not asked for files, but known by name as masters. */
  readonly mastersOnly: readonly Repository[];
  readonly mainRepo?: string;
}

export interface MirrorUrls {
  /** From /etc/portage/mirrors: before the others, in their order. */
  readonly custom: readonly string[];
  readonly thirdParty: readonly string[];
}

export interface Masters {
  /** Folders with eclasses; of two that have one the last holds. */
  eclassFolders(repository: Repository): Promise<readonly string[]>;
  /** Base URLs that `mirror://NAME/` stands for in this repository. */
  mirrorUrls(repository: Repository, name: string): Promise<MirrorUrls>;
}

export interface MastersDeps {
  /** As they are now. */
  readonly known: () => Known;
  /** /etc/portage/mirrors: a file, or a folder of files. */
  readonly customMirrorsPath: string;
}

/** Where neither layout.conf nor repos.conf says (PMS has no such rule, portage takes the main repository). */
const DEFAULT_MASTER = "gentoo";

const realPath = (path: string) => realpath(path).catch(() => path);
const toText = (bytes: Buffer) => bytes.toString("utf8");

export function createMasters({ known, customMirrorsPath }: MastersDeps): Masters {
  const layouts = createFileCache((bytes) => parseRepoLayout(toText(bytes)));
  const lists = createFileCache((bytes) => parseMirrorLists(toText(bytes)));

  async function layoutOf({ location }: Repository): Promise<RepoLayout> {
    const root = await realPath(location);
    return (await layouts.get(root, `${root}/metadata/layout.conf`)) ?? { aliases: [] };
  }

  async function listOf({ location }: Repository): Promise<MirrorLists> {
    const root = await realPath(location);
    return (await lists.get(root, `${root}/profiles/thirdpartymirrors`)) ?? new Map();
  }

  /** By its own name, else by another one; layout.conf of all is read only where nothing else knows the name. */
  async function findOne(name: string): Promise<Repository | undefined> {
    const { repositories, mastersOnly: others } = known();
    const all = [...repositories, ...others];
    const found = all.find((one) => one.name === name) ?? all.find((one) => one.aliases?.includes(name));
    if (found) return found;
    for (const one of all) if ((await layoutOf(one)).aliases.includes(name)) return one;
    return undefined;
  }

  async function findByName(names: readonly string[]): Promise<readonly Repository[]> {
    const found = await Promise.all(names.map(findOne));
    return found.filter((one) => one !== undefined);
  }

  async function mastersOf(repository: Repository): Promise<readonly Repository[]> {
    const names = repository.masters ?? (await layoutOf(repository)).masters ?? [known().mainRepo ?? DEFAULT_MASTER];
    const masters = await findByName(names);
    return masters.filter(({ location }) => location !== repository.location);
  }

  async function customLists() {
    const files = (await readdir(customMirrorsPath).catch(() => []))
      .filter((name) => !name.startsWith(".") && !name.endsWith("~"))
      .sort()
      .map((name) => `${customMirrorsPath}/${name}`);
    // The admin's own may be links to anywhere.
    const found = await Promise.all([customMirrorsPath, ...files].map((path) => lists.get("/", path)));
    const custom = new Map(stackMirrorLists(found.flatMap((list) => list ?? [])));
    // Those are mirrors of distfiles, not of anything that a URI of a tree may name.
    custom.delete("local");
    return custom;
  }

  return {
    async eclassFolders(repository) {
      const masters = await mastersOf(repository);
      const overrides = await findByName(repository.eclassOverrides ?? []);
      return [...masters, repository, ...overrides].map(({ location }) => `${location}/eclass`);
    },
    async mirrorUrls(repository, name) {
      const own = [...(await mastersOf(repository)), repository];
      const near = stackMirrorLists(await Promise.all(own.map(listOf)));
      const { repositories, mastersOnly: others } = known();
      const far = near.has(name) ? [] : await Promise.all([...repositories, ...others].map(listOf));
      return {
        custom: (await customLists()).get(name) ?? [],
        thirdParty: near.get(name) ?? stackMirrorLists(far).get(name) ?? [],
      };
    },
  };
}
