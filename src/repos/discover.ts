/**
 * Discovers the ebuild repositories: those in the configuration, by path or as cloned URLs, else those in repos.conf and in
 * /var/db/repos. Reads only. A problem with one repository is reported, and the others are used.
 */
import { readdirSync, readFileSync, realpathSync, statSync } from "node:fs";
import { basename, dirname, resolve } from "node:path";
import { reasonOf } from "../lib/error-reason.ts";
import { exists } from "../lib/exists.ts";
import { isRepositoryUrl } from "../lib/url.ts";
import { parseRepoLayout, type RepoLayout } from "./formats/repo-layout.ts";
import { inPortageOrder, parseReposConf, type ReposConf, type ReposConfText } from "./formats/repos-conf.ts";
import { followInside, readInsideSync } from "./repository-files.ts";
import { maskedUrl, repositoryNameOf } from "./sync/url.ts";

export interface Repository {
  /** From profiles/repo_name, else the section of repos.conf, else the folder's name. */
  readonly name: string;
  /** Absolute path, as it was configured. */
  readonly location: string;
  /** From repos.conf, which overrides metadata/layout.conf. */
  readonly masters?: readonly string[];
  readonly eclassOverrides?: readonly string[];
  readonly aliases?: readonly string[];
}

export interface DiscoveredRepositories {
  /** Repositories given as paths and as URLs that are cloned, in order: where two disagree, the first one counts. */
  readonly repositories: readonly Repository[];
  /** Further repositories of the system, where some are configured: used as masters, but their Manifests are not read. */
  readonly mastersOnly: readonly Repository[];
  /** main-repo of repos.conf: the master of repositories that name none. */
  readonly mainRepo?: string;
  /** Configured URLs, in order. */
  readonly urls: readonly string[];
  /** URLs that are not cloned yet. */
  readonly pending: readonly string[];
  /** Sentences for people about repositories that are not there in full: what is wanted is not known then. */
  readonly problems: readonly string[];
  /** Sentences for people about other things that keep repositories from being of full use. */
  readonly warnings: readonly string[];
}

export interface DiscoverOptions {
  /** `[repo] repos`: paths, or URLs. */
  readonly repos: readonly string[];
  /** Put before the system's own paths; empty for the system itself. */
  readonly root?: string;
  /** Returns the location of a cloned URL. @throws {Error} where that cannot be determined */
  synced?(url: string): string | undefined;
}

/** Where Gentoo is not installed, its repository can be had from here. */
export const GENTOO_URL = "https://github.com/gentoo-mirror/gentoo.git";
/** What to do without any repository, as the end of a sentence. */
export const REPOS_HINT = `set repo.repos, such as repos = ["${GENTOO_URL}"]`;

type RepositoryCandidate = Omit<Repository, "name"> & { readonly name?: string };

const VCS_FOLDERS = new Set(["CVS", "RCS", "SCCS", ".bzr", ".git", ".hg", ".svn"]);

/** @throws {Error} where the path cannot be looked at */
function isFolder(path: string): boolean {
  return exists(path) && statSync(path).isDirectory();
}

/** Reads a file, or all files below a folder sorted by name, without hidden files and backups (portage: _recursive_file_list). */
function readTexts(path: string, problems: string[]): ReposConfText[] {
  const name = basename(path);
  if (name.startsWith(".") || name.endsWith("~")) return [];
  try {
    if (!exists(path)) return [];
    const stats = statSync(path);
    if (stats.isFile()) return [{ source: path, text: readFileSync(path, "utf8") }];
    if (!stats.isDirectory() || VCS_FOLDERS.has(name)) return [];
    return readdirSync(path)
      .sort()
      .flatMap((child) => readTexts(`${path}/${child}`, problems));
  } catch (error) {
    problems.push(`Cannot read ${path}: ${reasonOf(error)}`);
    return [];
  }
}

function readReposConf(root: string, problems: string[]): ReposConf {
  const texts = [`${root}/usr/share/portage/config/repos.conf`, `${root}/etc/portage/repos.conf`];
  const conf = parseReposConf(texts.flatMap((path) => readTexts(path, problems)));
  problems.push(...conf.problems);
  return conf;
}

function fromReposConf(conf: ReposConf, problems: string[]): RepositoryCandidate[] {
  return inPortageOrder(conf).flatMap(({ name, location, masters, eclassOverrides, aliases }) => {
    if (location !== undefined) {
      return [{ name, location, ...(masters ? { masters } : {}), eclassOverrides, aliases }];
    }
    problems.push(`repos.conf section [${name}] has no location`);
    return [];
  });
}

/** Folders of which a repository has at least one (PMS 4.1); a folder of repositories has neither. */
const MARKS = ["profiles", "metadata"];

function isRepository(path: string): boolean {
  return MARKS.some((name) => isFolder(`${path}/${name}`));
}

function fromRepoFolder(folder: string, problems: string[]): RepositoryCandidate[] {
  let names: string[];
  try {
    names = isFolder(folder) ? readdirSync(folder).sort() : [];
  } catch (error) {
    problems.push(`Cannot read ${folder}: ${reasonOf(error)}`);
    return [];
  }
  return names
    .filter((name) => !name.startsWith("."))
    .flatMap((name): RepositoryCandidate[] => {
      const location = `${folder}/${name}`;
      try {
        return isRepository(location) ? [{ location }] : [];
      } catch (error) {
        problems.push(`Cannot read ${location}: ${reasonOf(error)}`);
        return [];
      }
    });
}

/**
 * Reads a small file of a repository. Returns undefined where there is none.
 * @param location of the repository
 * @throws {Error} where it cannot be read, or must not be
 */
export function readSmallFile(location: string, name: string): string | undefined {
  const root = realpathSync(location);
  const path = `${root}/${name}`;
  const folder = followInside(root, dirname(path));
  const found = typeof folder === "string" ? readInsideSync(root, path, { kind: "small" }) : folder;
  if (found.kind === "unreadable") throw new Error(`${location}/${name}: ${found.reason}`);
  return found.kind === "file" ? found.bytes?.toString("utf8") : undefined;
}

/** Reads it for what it may tell; a file that cannot be read is a warning. */
function readHint(location: string, name: string, warnings: string[]): string {
  try {
    return readSmallFile(location, name) ?? "";
  } catch (error) {
    warnings.push(`Cannot read ${name} of the repository ${location}: ${reasonOf(error)}`);
    return "";
  }
}

/** Reads profiles/repo_name (PMS 3.1.5, 4.4); undefined where it is missing or not a valid name. */
function readName(location: string, warnings: string[]): string | undefined {
  const name = readHint(location, "profiles/repo_name", warnings).split("\n", 1)[0]?.trim() ?? "";
  return name.length <= MAX_NAME_CHARACTERS && /^\w[\w-]*$/.test(name) ? name : undefined;
}

/** The name of a repository is shown beside each of its packages; that of Gentoo's longest has 30. */
const MAX_NAME_CHARACTERS = 100;
const SHOWN_FOLDERS = 3;
/** What is not a repository may have any number of folders, and each is looked at for the suggestion. */
const MAX_LOOKED_AT = 100;

/** Returns why there is no repository in this folder, which can be read; undefined where there is one. */
export function noRepositoryReason(location: string): string | undefined {
  if (isRepository(location)) return undefined;
  const names = readdirSync(location).sort();
  if (names.length === 0) return "is empty: it is not synced yet, or not mounted";
  const below = names
    .slice(0, MAX_LOOKED_AT)
    .map((name) => `${location}/${name}`)
    .filter((path) => {
      try {
        return isRepository(path);
      } catch {
        // Only a suggestion.
        return false;
      }
    });
  const hint = below.length === 0 ? "" : `; did you mean ${below.slice(0, SHOWN_FOLDERS).join(" or ")}?`;
  return `is not an ebuild repository: it has neither profiles/ nor metadata/${hint}`;
}

/** Says what the look at one candidate found: a sentence where it is not there, or not in full. */
function lookAt(location: string): { readonly isThere: boolean; readonly problem?: string } {
  try {
    if (!isFolder(location)) {
      const reason = exists(location) ? "is not a folder" : "is missing";
      return { isThere: false, problem: `The repository ${location} ${reason}` };
    }
    const reason = noRepositoryReason(location);
    return { isThere: true, ...(reason === undefined ? {} : { problem: `The repository ${location} ${reason}` }) };
  } catch (error) {
    return { isThere: false, problem: `Cannot read the repository ${location}: ${reasonOf(error)}` };
  }
}

interface Sentences {
  readonly problems: string[];
  readonly warnings: string[];
}

/** Drops candidates that are missing, and those in `seen`, to which it adds the real paths of the others. */
function existing(candidates: readonly RepositoryCandidate[], seen: Set<string>, sentences: Sentences): Repository[] {
  return candidates.flatMap((candidate) => {
    const { location } = candidate;
    const { isThere, problem } = lookAt(location);
    if (problem !== undefined) sentences.problems.push(problem);
    if (!isThere) return [];
    const path = realpathSync(location);
    if (seen.has(path)) return [];
    seen.add(path);
    return [{ ...candidate, name: readName(location, sentences.warnings) ?? candidate.name ?? basename(path) }];
  });
}

/** Names masters that are not there: without their eclasses no ebuild can be evaluated. */
function warnOfMasters(repositories: readonly Repository[], all: readonly Repository[], warnings: string[]): void {
  const layouts = new Map<Repository, RepoLayout>(
    all.map((one) => [one, parseRepoLayout(readHint(one.location, "metadata/layout.conf", warnings))]),
  );
  const names = new Set(all.flatMap((one) => [one.name, ...(one.aliases ?? []), ...(layouts.get(one)?.aliases ?? [])]));
  for (const repository of repositories) {
    const masters = repository.masters ?? layouts.get(repository)?.masters ?? [];
    for (const master of masters.filter((name) => !names.has(name)))
      warnings.push(
        `The repository ${repository.location} has the master ${master}, which was not found (add it to repo.repos)`,
      );
  }
}

/** Adds what repos.conf says about a configured path. */
function withReposConf(candidate: RepositoryCandidate, conf: readonly RepositoryCandidate[]): RepositoryCandidate {
  const path = realPathOf(candidate.location);
  const known = conf.find(({ location }) => path !== undefined && realPathOf(location) === path);
  return { ...known, ...candidate };
}

/** Returns undefined where nothing can be seen there, which is reported when the repository is looked at. */
function realPathOf(location: string): string | undefined {
  try {
    return realpathSync(location);
  } catch {
    return undefined;
  }
}

/** Returns locations by URL, undefined where it is not cloned yet. URLs whose clone cannot be read are not among them. */
function locateClones(
  urls: readonly string[],
  { synced }: DiscoverOptions,
  problems: string[],
): ReadonlyMap<string, string | undefined> {
  const locations = new Map<string, string | undefined>();
  for (const url of urls) {
    try {
      locations.set(url, synced?.(url));
    } catch (error) {
      problems.push(`Cannot read the clone of ${maskedUrl(url)}: ${reasonOf(error)}`);
    }
  }
  return locations;
}

/** Blocks for some milliseconds: only for start and reload. */
export function discoverRepositories(options: DiscoverOptions): DiscoveredRepositories {
  const { repos, root = "" } = options;
  const system: Sentences = { problems: [], warnings: [] };
  const conf = readReposConf(root, system.problems);
  const listed = fromReposConf(conf, system.problems);
  const candidates = [...listed, ...fromRepoFolder(`${root}/var/db/repos`, system.problems)];
  const main = conf.mainRepo === undefined ? {} : { mainRepo: conf.mainRepo };
  const seen = new Set<string>();
  const own: Sentences = { problems: [], warnings: [] };
  // The resolver reads them when it needs them.
  readTexts(`${root}/etc/portage/mirrors`, repos.length === 0 ? system.warnings : own.warnings);
  if (repos.length === 0) {
    const repositories = existing(candidates, seen, system);
    warnOfMasters(repositories, repositories, system.warnings);
    return { repositories, mastersOnly: [], ...main, urls: [], pending: [], ...system };
  }
  const urls = repos.filter(isRepositoryUrl);
  const locations = locateClones(urls, options, own.problems);
  const configured = repos.flatMap((repo): RepositoryCandidate[] => {
    if (!isRepositoryUrl(repo)) return [withReposConf({ location: resolve(repo) }, listed)];
    const location = locations.get(repo);
    return location === undefined ? [] : [{ name: repositoryNameOf(repo), location }];
  });
  // Problems of the system's repositories do not matter where others are configured.
  const repositories = existing(configured, seen, own);
  const mastersOnly = existing(candidates, seen, { problems: [], warnings: [] });
  const pending = urls.filter((url) => locations.has(url) && locations.get(url) === undefined);
  // One that is cloned later may be the master.
  if (pending.length === 0) warnOfMasters(repositories, [...repositories, ...mastersOnly], own.warnings);
  return { repositories, mastersOnly, ...main, urls, pending, ...own };
}
