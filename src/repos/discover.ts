/**
 * Discovers the ebuild repositories: those in the configuration, by path or as cloned URLs, else those in repos.conf and in
 * /var/db/repos. Reads only. A problem with one repository is reported, and the others are used.
 */
import { readdirSync, readFileSync, realpathSync, statSync } from "node:fs";
import { basename, resolve } from "node:path";
import { reasonOf } from "../lib/error-reason.ts";
import { inPortageOrder, parseReposConf, type ReposConf, type ReposConfText } from "./formats/repos-conf.ts";
import { isRepositoryUrl, repositoryNameOf } from "./sync/url.ts";

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
  /** Those of paths and of cloned URLs, in order: where two disagree, the first one counts. */
  readonly repositories: readonly Repository[];
  /** Further repositories of the system, where some are configured: used as masters, but their Manifests are not read. */
  readonly mastersOnly: readonly Repository[];
  /** main-repo of repos.conf: the master of repositories that name none. */
  readonly mainRepo?: string;
  /** Configured URLs, in order. */
  readonly urls: readonly string[];
  /** URLs that are not cloned yet. */
  readonly pending: readonly string[];
  /** Sentences for people. */
  readonly problems: readonly string[];
}

export interface DiscoverOptions {
  /** `[repo] repos`: paths, or URLs. */
  readonly repos: readonly string[];
  /** Put before the system's own paths; empty for the system itself. */
  readonly root?: string;
  /** Returns the location of a cloned URL. */
  synced?(url: string): string | undefined;
}

type Candidate = Omit<Repository, "name"> & { readonly name?: string };

const VCS_FOLDERS = new Set(["CVS", "RCS", "SCCS", ".bzr", ".git", ".hg", ".svn"]);

function isFolder(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
  } catch {
    return false;
  }
}

/** Reads a file, or all files below a folder sorted by name, without hidden files and backups (portage: _recursive_file_list). */
function readTexts(path: string, problems: string[]): ReposConfText[] {
  const name = basename(path);
  if (name.startsWith(".") || name.endsWith("~")) return [];
  try {
    const stats = statSync(path, { throwIfNoEntry: false });
    if (stats?.isFile()) return [{ source: path, text: readFileSync(path, "utf8") }];
    if (!stats?.isDirectory() || VCS_FOLDERS.has(name)) return [];
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

function fromReposConf(conf: ReposConf, problems: string[]): Candidate[] {
  return inPortageOrder(conf).flatMap(({ name, location, masters, eclassOverrides, aliases }) => {
    if (location !== undefined) {
      return [{ name, location, ...(masters ? { masters } : {}), eclassOverrides, aliases }];
    }
    problems.push(`repos.conf section [${name}] has no location`);
    return [];
  });
}

function fromRepoFolder(folder: string, problems: string[]): Candidate[] {
  if (!isFolder(folder)) return [];
  try {
    return readdirSync(folder)
      .sort()
      .map((name) => `${folder}/${name}`)
      .filter((path) => !basename(path).startsWith("."))
      .filter((path) => isFolder(`${path}/profiles`) || isFolder(`${path}/metadata`))
      .map((location) => ({ location }));
  } catch (error) {
    problems.push(`Cannot read ${folder}: ${reasonOf(error)}`);
    return [];
  }
}

const SMALL_BYTES = 64 * 1024;

/** Reads a file whose author is not trusted: reading a pipe or device might never end. @throws {Error} where it is not a small file */
export function readSmallFile(path: string): string {
  const stats = statSync(path);
  if (!stats.isFile() || stats.size > SMALL_BYTES)
    throw new Error(`${path} is not a file of up to ${SMALL_BYTES} bytes`);
  return readFileSync(path, "utf8");
}

/** Reads profiles/repo_name (PMS 3.1.5, 4.4); undefined where it is missing or not a valid name. */
function readName(location: string): string | undefined {
  try {
    const name = readSmallFile(`${location}/profiles/repo_name`).split("\n", 1)[0]?.trim() ?? "";
    return /^\w[\w-]*$/.test(name) ? name : undefined;
  } catch {
    return undefined;
  }
}

/** Drops candidates that are missing, and those in `seen`, to which it adds the real paths of the others. */
function existing(candidates: readonly Candidate[], seen: Set<string>, problems: string[]): Repository[] {
  return candidates.flatMap((candidate) => {
    const { location } = candidate;
    if (!isFolder(location)) {
      problems.push(`The repository ${location} is missing, or not a folder`);
      return [];
    }
    const path = realpathSync(location);
    if (seen.has(path)) return [];
    seen.add(path);
    return [{ ...candidate, name: readName(location) ?? candidate.name ?? basename(path) }];
  });
}

/** Adds what repos.conf says about a configured path. */
function withReposConf(candidate: Candidate, conf: readonly Candidate[]): Candidate {
  const path = isFolder(candidate.location) ? realpathSync(candidate.location) : undefined;
  const known = conf.find(({ location }) => isFolder(location) && realpathSync(location) === path);
  return { ...known, ...candidate };
}

/** Blocks for some milliseconds: only for start and reload. */
export function discoverRepositories({
  repos,
  root = "",
  synced = () => undefined,
}: DiscoverOptions): DiscoveredRepositories {
  const problems: string[] = [];
  const conf = readReposConf(root, problems);
  const listed = fromReposConf(conf, problems);
  const system = [...listed, ...fromRepoFolder(`${root}/var/db/repos`, problems)];
  const { mainRepo } = conf;
  const main = mainRepo === undefined ? {} : { mainRepo };
  const seen = new Set<string>();
  if (repos.length === 0) {
    return {
      repositories: existing(system, seen, problems),
      mastersOnly: [],
      ...main,
      urls: [],
      pending: [],
      problems,
    };
  }
  const urls = repos.filter(isRepositoryUrl);
  const configured = repos.flatMap((repo): Candidate[] => {
    if (!isRepositoryUrl(repo)) return [withReposConf({ location: resolve(repo) }, listed)];
    const location = synced(repo);
    return location === undefined ? [] : [{ name: repositoryNameOf(repo), location }];
  });
  const ownProblems: string[] = [];
  return {
    repositories: existing(configured, seen, ownProblems),
    mastersOnly: existing(system, seen, []),
    ...main,
    urls,
    pending: urls.filter((url) => synced(url) === undefined),
    // Problems of the system's repositories do not matter where others are configured.
    problems: ownProblems,
  };
}
