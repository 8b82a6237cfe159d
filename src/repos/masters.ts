/**
 * Finds what a repository inherits from its masters: eclasses (portage: repository/config.py, eclass_locations) and lists of
 * third-party mirrors. Lists of other repositories come after those, and /etc/portage/mirrors before all.
 */
import { readdir } from "node:fs/promises";
import { reasonOf } from "../lib/error-reason.ts";
import { saysAbsent } from "../lib/exists.ts";
import type { DiscoveredRepositories, Repository } from "./discover.ts";
import { createFileCache, UnreadableFileError } from "./file-cache.ts";
import { parseRepoLayout, type RepoLayout } from "./formats/repo-layout.ts";
import { type MirrorLists, parseMirrorLists, stackedUrls } from "./formats/third-party-mirrors.ts";
import { realPath } from "./repository-files.ts";

export interface MirrorUrls {
  /** From /etc/portage/mirrors: asked before the others, in this order. */
  readonly custom: readonly string[];
  /** At most 32. */
  readonly thirdParty: readonly string[];
}

export interface Masters {
  /** Returns another object whenever there may be other repositories. */
  configuration(): object;
  /**
   * Returns folders with eclasses; where several have an eclass, the last one counts.
   * @throws {UnreadableFileError} where the masters are not known, as metadata/layout.conf cannot be read now
   */
  eclassFolders(repository: Repository): Promise<readonly string[]>;
  /**
   * Returns the base URLs that `mirror://NAME/` stands for in this repository.
   * @throws {UnreadableFileError} where none are known, and a list cannot be read now
   */
  mirrorUrls(repository: Repository, name: string): Promise<MirrorUrls>;
}

export interface MastersDeps {
  readonly discovered: () => Pick<DiscoveredRepositories, "repositories" | "mastersOnly" | "mainRepo">;
  /** /etc/portage/mirrors: a file, or a folder of files. */
  readonly customMirrorsPath: string;
}

/** The master where neither layout.conf nor repos.conf names any. PMS has no such rule; Portage takes the main repository. */
const DEFAULT_MASTER = "gentoo";

/** A name with more of them in profiles/thirdpartymirrors would only cost its hosts requests. */
const MAX_BASES = 32;

const toText = (bytes: Buffer) => bytes.toString("utf8");

/** Returns what is read, or undefined where it cannot be read now, which goes into `unread`. */
async function readable<T>(reading: Promise<T>, unread: Error[] = []): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    if (!(error instanceof UnreadableFileError)) throw error;
    unread.push(error);
    return undefined;
  }
}

export function createMasters({ discovered, customMirrorsPath }: MastersDeps): Masters {
  const layouts = createFileCache("small", (bytes) => parseRepoLayout(toText(bytes)));
  const lists = createFileCache("thirdpartymirrors", (bytes) => parseMirrorLists(toText(bytes)));

  async function layoutOf({ location }: Repository): Promise<RepoLayout> {
    const root = realPath(location);
    return (await layouts.get(root, `${root}/metadata/layout.conf`)) ?? { aliases: [] };
  }

  async function listOf({ location }: Repository): Promise<MirrorLists> {
    const root = realPath(location);
    return (await lists.get(root, `${root}/profiles/thirdpartymirrors`)) ?? new Map();
  }

  function allRepositories(): readonly Repository[] {
    const { repositories, mastersOnly } = discovered();
    return [...repositories, ...mastersOnly];
  }

  /** Finds a repository by its name, else by an alias. Reads every layout.conf only where repos.conf has no such alias. */
  async function findOne(name: string): Promise<Repository | undefined> {
    const all = allRepositories();
    const found = all.find((one) => one.name === name) ?? all.find((one) => one.aliases?.includes(name));
    if (found) return found;
    for (const one of all) if ((await readable(layoutOf(one)))?.aliases.includes(name)) return one;
    return undefined;
  }

  async function findByName(names: readonly string[]): Promise<readonly Repository[]> {
    const found = await Promise.all(names.map(findOne));
    return found.filter((one) => one !== undefined);
  }

  async function mastersOf(repository: Repository): Promise<readonly Repository[]> {
    const names = repository.masters ??
      (await layoutOf(repository)).masters ?? [discovered().mainRepo ?? DEFAULT_MASTER];
    const masters = await findByName(names);
    return masters.filter(({ location }) => location !== repository.location);
  }

  async function customFiles(unread: Error[]): Promise<readonly string[]> {
    try {
      const names = (await readdir(customMirrorsPath)).filter((name) => !name.startsWith(".") && !name.endsWith("~"));
      return [customMirrorsPath, ...names.sort().map((name) => `${customMirrorsPath}/${name}`)];
    } catch (error) {
      // It may be a file.
      if (!saysAbsent(error)) unread.push(new UnreadableFileError(`${customMirrorsPath}: ${reasonOf(error)}`));
      return [customMirrorsPath];
    }
  }

  async function customUrls(name: string, unread: Error[]): Promise<readonly string[]> {
    // The admin's own files may be links to anywhere.
    const files = await customFiles(unread);
    const found = await Promise.all(files.map((path) => readable(lists.get("/", path), unread)));
    // "local" lists mirrors of distfiles, not of anything that a URI in SRC_URI may name.
    if (name === "local") return [];
    return (
      stackedUrls(
        found.flatMap((list) => list ?? []),
        name,
      ) ?? []
    );
  }

  return {
    configuration: discovered,
    async eclassFolders(repository) {
      const masters = await mastersOf(repository);
      const overrides = await findByName(repository.eclassOverrides ?? []);
      return [...masters, repository, ...overrides].map(({ location }) => `${location}/eclass`);
    },
    async mirrorUrls(repository, name) {
      const unread: Error[] = [];
      const urlsIn = async (some: readonly Repository[]) => {
        const read = await Promise.all(some.map((one) => readable(listOf(one), unread)));
        return stackedUrls(
          read.flatMap((list) => list ?? []),
          name,
        );
      };
      const near = await urlsIn([...((await readable(mastersOf(repository), unread)) ?? []), repository]);
      const found = near ?? (await urlsIn(allRepositories())) ?? [];
      const custom = await customUrls(name, unread);
      const thirdParty = found.slice(0, MAX_BASES);
      if (custom.length + thirdParty.length === 0 && unread[0]) throw unread[0];
      return { custom, thirdParty };
    },
  };
}
