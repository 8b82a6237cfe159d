/**
 * Which ebuild repositories there are: those the configuration names, by path or as URLs that were cloned, else those of
 * repos.conf and of /var/db/repos. Read only; what is wrong with one of them is told and the others are used.
 */
import { readdirSync, readFileSync, realpathSync, statSync } from "node:fs";
import { basename, resolve } from "node:path";
import { reasonOf } from "../lib/error-reason.ts";
import { inPortageOrder, parseReposConf, type ReposConf, type ReposConfText } from "./formats/repos-conf.ts";
import { isRepositoryUrl, repositoryNameOf } from "./sync/url.ts";

export interface Repository {
  /** From profiles/repo_name, else what repos.conf calls it, else its folder's. */
  readonly name: string;
  /** Absolute path, as it was configured. */
  readonly location: string;
  /** From repos.conf, where these override metadata/layout.conf. */
  readonly masters?: readonly string[];
  readonly eclassOverrides?: readonly string[];
  readonly aliases?: readonly string[];
}

export interface DiscoveredRepositories {
  /** In order, those of paths and of URLs: where two disagree the first holds. */
  readonly repositories: readonly Repository[];
  /** What else the system has, where some are configured: for masters found by name, not for Manifests. */
  readonly mastersOnly: readonly Repository[];
  /** As repos.conf says: master of those that name none. */
  readonly mainRepo?: string;
  /** Those configured as URLs, in order. */
  readonly urls: readonly string[];
  /** Those of the URLs that lie nowhere yet. */
  readonly pending: readonly string[];
  /** Sentences for people. */
  readonly problems: readonly string[];
}

export interface DiscoverOptions {
  /** `[repo] repos`: paths, or URLs. */
  readonly repos: readonly string[];
  /** Put before the system's own paths; empty for the system itself. */
  readonly root?: string;
  /** Where the tree of a URL lies, if it does. */
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

/** A file, or all files below a folder sorted by name, without hidden ones and backups (_recursive_file_list). */
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

/** A file that somebody else put there: a pipe or device of that name would never end. @throws where it is none */
export function readSmallFile(path: string): string {
  const stats = statSync(path);
  if (!stats.isFile() || stats.size > SMALL_BYTES) throw new Error(`${path} is no small file`);
  return readFileSync(path, "utf8");
}

/** PMS 3.1.5 and 4.4: the name in profiles/repo_name, where there is one that can be a name. */
function readName(location: string): string | undefined {
  try {
    const name = readSmallFile(`${location}/profiles/repo_name`).split("\n", 1)[0]?.trim() ?? "";
    return /^\w[\w-]*$/.test(name) ? name : undefined;
  } catch {
    return undefined;
  }
}

/** Leaves out those that are not there, and those in `seen`, to which it adds the real paths of the others. */
function present(candidates: readonly Candidate[], seen: Set<string>, problems: string[]): Repository[] {
  return candidates.flatMap((candidate) => {
    const { location } = candidate;
    if (!isFolder(location)) {
      problems.push(`The repository ${location} is not there, or is no folder`);
      return [];
    }
    const path = realpathSync(location);
    if (seen.has(path)) return [];
    seen.add(path);
    return [{ ...candidate, name: readName(location) ?? candidate.name ?? basename(path) }];
  });
}

/** What repos.conf says of the repository holds wherever it was named. */
function asInReposConf(candidate: Candidate, conf: readonly Candidate[]): Candidate {
  const path = isFolder(candidate.location) ? realpathSync(candidate.location) : undefined;
  const known = conf.find(({ location }) => isFolder(location) && realpathSync(location) === path);
  return { ...known, ...candidate };
}

/** Blocks for some milliseconds; for start and reload. */
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
    return { repositories: present(system, seen, problems), mastersOnly: [], ...main, urls: [], pending: [], problems };
  }
  const urls = repos.filter(isRepositoryUrl);
  const configured = repos.flatMap((repo): Candidate[] => {
    if (!isRepositoryUrl(repo)) return [asInReposConf({ location: resolve(repo) }, listed)];
    const location = synced(repo);
    return location === undefined ? [] : [{ name: repositoryNameOf(repo), location }];
  });
  const ownProblems: string[] = [];
  return {
    repositories: present(configured, seen, ownProblems),
    mastersOnly: present(system, seen, []),
    ...main,
    urls,
    pending: urls.filter((url) => synced(url) === undefined),
    // What is wrong with the system's own does not matter where others are configured.
    problems: ownProblems,
  };
}
