/**
 * Which ebuild repositories there are: those the configuration names, else those of repos.conf and of /var/db/repos.
 * Read only; what is wrong with one of them is told and the others are used.
 */
import { readdirSync, readFileSync, realpathSync, statSync } from "node:fs";
import { basename, resolve } from "node:path";
import { inPortageOrder, parseReposConf, type ReposConfText } from "./repos-conf.ts";

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

export interface FoundRepositories {
  /** In order: where two disagree the first holds. */
  readonly repositories: readonly Repository[];
  /** Those given as URLs: nothing clones them yet. */
  readonly urls: readonly string[];
  /** Sentences for people. */
  readonly problems: readonly string[];
}

export interface FindOptions {
  /** `[repo] repos`: paths, or URLs. */
  readonly repos: readonly string[];
  /** Put before the system's own paths; empty for the system itself. */
  readonly root?: string;
}

type Candidate = Omit<Repository, "name"> & { readonly name?: string };

const VCS_FOLDERS = new Set(["CVS", "RCS", "SCCS", ".bzr", ".git", ".hg", ".svn"]);

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

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

function fromReposConf(root: string, problems: string[]): Candidate[] {
  const texts = [`${root}/usr/share/portage/config/repos.conf`, `${root}/etc/portage/repos.conf`];
  const conf = parseReposConf(texts.flatMap((path) => readTexts(path, problems)));
  problems.push(...conf.problems);
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

/** Whether a configured repository is to be cloned, not a path. */
function isUrl(text: string): boolean {
  return /^[a-z][a-z0-9+.-]*:\/\//i.test(text) || /^[\w.-]+@[\w.-]+:/.test(text);
}

/** PMS 3.1.5 and 4.4: the name in profiles/repo_name, where there is one that can be a name. */
function readName(location: string): string | undefined {
  try {
    const name = readFileSync(`${location}/profiles/repo_name`, "utf8").split("\n", 1)[0]?.trim() ?? "";
    return /^\w[\w-]*$/.test(name) ? name : undefined;
  } catch {
    return undefined;
  }
}

/** Blocks for some milliseconds; for start and reload. */
export function findRepositories({ repos, root = "" }: FindOptions): FoundRepositories {
  const problems: string[] = [];
  const candidates: readonly Candidate[] =
    repos.length > 0
      ? repos.filter((repo) => !isUrl(repo)).map((repo) => ({ location: resolve(repo) }))
      : [...fromReposConf(root, problems), ...fromRepoFolder(`${root}/var/db/repos`, problems)];
  const repositories: Repository[] = [];
  const seen = new Set<string>();
  for (const candidate of candidates) {
    const { location } = candidate;
    if (!isFolder(location)) {
      problems.push(`The repository ${location} is not there, or is no folder`);
      continue;
    }
    const path = realpathSync(location);
    if (seen.has(path)) continue;
    seen.add(path);
    repositories.push({ ...candidate, name: readName(location) ?? candidate.name ?? basename(path) });
  }
  return { repositories, urls: repos.filter(isUrl), problems };
}
