/**
 * Builds a version of an ebuild repository with git: clones the last commit alone, or fetches it into a copy of the previous
 * version. The copy consists of hard links, so that a version takes only the space of its changes: git never writes into a
 * file, it replaces it. Runs nothing that comes with a repository: no hooks, no filters, no submodules.
 */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { CommandError, type RunCommand } from "./run-command.ts";
import { createTreeSizes, isTooLarge } from "./size-limit.ts";
import { type SyncUrl, splitCredentials } from "./url.ts";
import type { Version, VersionBuild } from "./versions.ts";

const ENVIRONMENT = {
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_ATTR_NOSYSTEM: "1",
  GIT_ALLOW_PROTOCOL: "file:git:http:https:ssh",
  GIT_LFS_SKIP_SMUDGE: "1",
  // Nobody can answer a prompt.
  GIT_TERMINAL_PROMPT: "0",
  GIT_ASKPASS: "",
  GIT_SSH_COMMAND: "ssh -o BatchMode=yes -o ConnectTimeout=30 -o ServerAliveInterval=30 -o ServerAliveCountMax=4",
};

const CONFIG = [
  "core.hooksPath=/dev/null",
  "core.fsmonitor=false",
  "core.logAllRefUpdates=false",
  // A new hard link changes the ctime of the file.
  "core.trustctime=false",
  "core.checkStat=minimal",
  "submodule.recurse=false",
  "fetch.recurseSubmodules=false",
  // Each fetch makes one pack; collectGarbage() joins them.
  "fetch.unpackLimit=1",
  "gc.auto=0",
  "maintenance.auto=false",
  // Memory is limited (run-command.ts), and each thread reserves some.
  "pack.threads=1",
  "index.threads=1",
  "core.preloadIndex=false",
  "core.packedGitWindowSize=32m",
  "core.packedGitLimit=256m",
  "pack.windowMemory=256m",
  // Larger files are not packed as deltas, and none may be larger than that (size-limit.ts).
  "core.bigFileThreshold=64m",
  "http.lowSpeedLimit=1000",
  "http.lowSpeedTime=60",
].flatMap((setting) => ["-c", setting]);

/** How long git may report no progress. */
const SILENCE_MS = 2 * 60 * 1000;
/** Each fetch adds a pack; many packs make git slow and hold objects that no commit needs any more. */
const MAX_PACKS = 20;
const FETCHED = "refs/portcache/fetched";

/** Binds the helper to the URL's host, so that a redirect to another one gets no credentials. */
function credentialHelper({ url, username }: SyncUrl): readonly string[] {
  if (username === undefined) return [];
  const { origin } = new URL(url);
  const script = '!f() { printf "username=%s\\npassword=%s\\n" "$PORTCACHE_USERNAME" "$PORTCACHE_PASSWORD"; }; f';
  return ["-c", `credential.${origin}.helper=${script}`];
}

function createGit({ url, target, run }: VersionBuild) {
  const split = splitCredentials(url);
  const { username = "", password = "" } = split;
  const variables = { ...ENVIRONMENT, PORTCACHE_USERNAME: username, PORTCACHE_PASSWORD: password };
  const command = ["git", ...CONFIG, ...credentialHelper(split)];
  const inside = [`--git-dir=${join(target, ".git")}`, `--work-tree=${target}`];
  return {
    url: split.url,
    clone: (...args: string[]) => run([...command, "clone", ...args], { variables, silenceMs: SILENCE_MS }),
    remote: (...args: string[]) => run([...command, ...inside, ...args], { variables, silenceMs: SILENCE_MS }),
    local: (...args: string[]) => run([...command, ...inside, ...args], { variables }),
    listSizes: (commit: string, onOutput: (text: string) => void) =>
      run([...command, ...inside, "ls-tree", "-r", "-t", "-l", "-z", commit], { variables, onOutput }),
  };
}

type Git = ReturnType<typeof createGit>;

async function commitOf(git: Git, name: string): Promise<string> {
  return (await git.local("rev-parse", "--verify", "--end-of-options", `${name}^{commit}`)).trim();
}

async function clone(git: Git, target: string): Promise<string> {
  const depth = ["--depth=1", "--single-branch", "--no-tags", "--no-checkout", "--template=", "--progress"];
  await git.clone(...depth, "--", git.url, target);
  // The remote's branch would keep the first commit's files for ever. git leaves its HEAD behind, which then leads nowhere.
  await git.local("remote", "remove", "origin");
  await git.local("update-ref", "--no-deref", "-d", "refs/remotes/origin/HEAD");
  try {
    return await commitOf(git, "HEAD");
  } catch (cause) {
    throw new CommandError("the repository is empty", { cause });
  }
}

/** Copies files of the previous version as hard links, or with their contents where the file system has no hard links. */
async function copy(run: RunCommand, from: string, names: readonly string[], to: string): Promise<void> {
  const files = ["--", ...names.map((name) => join(from, name))];
  if (names.length === 0) return;
  try {
    await run(["cp", "-al", "-t", to, ...files]);
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    await run(["rm", "-rf", "--", ...names.map((name) => join(to, name))]);
    await run(["cp", "-a", "-t", to, ...files]);
  }
}

async function collectGarbage(git: Git, target: string): Promise<void> {
  const names = await readdir(join(target, ".git/objects/pack"));
  if (names.filter((name) => name.endsWith(".pack")).length > MAX_PACKS)
    await git.local("gc", "--quiet", "--prune=now");
}

/** Fetches what the previous version does not have. Resolves with undefined where there is no new commit. */
async function update(git: Git, { target, previous, run }: VersionBuild & { previous: Version }) {
  await copy(run, previous.path, [".git"], target);
  const how = ["--depth=1", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance", "--progress"];
  // The remote's HEAD may be another branch by now, with a rewritten history.
  await git.remote("fetch", ...how, "--", git.url, `+HEAD:${FETCHED}`);
  const commit = await commitOf(git, FETCHED);
  if (commit === previous.commit) return undefined;
  const names = await readdir(previous.path);
  await copy(
    run,
    previous.path,
    names.filter((name) => name !== ".git"),
    target,
  );
  return commit;
}

/** Returns whether all objects of the fetched commit are valid; reading them takes seconds. */
async function isSound(git: Git): Promise<boolean> {
  try {
    await git.local("fsck", "--no-dangling", "--no-progress");
    return true;
  } catch (error) {
    if (error instanceof CommandError) return false;
    throw error;
  }
}

/** @throws {TooLargeError} {TooManyFilesError} before any file is written */
async function checkOut(git: Git, target: string, commit: string): Promise<void> {
  const sizes = createTreeSizes();
  await git.listSizes(commit, sizes.read);
  sizes.check();
  await git.local("reset", "--hard", "--quiet", commit);
  await collectGarbage(git, target);
}

/**
 * Builds a version in `build.target`. Resolves with its commit; undefined where it equals the previous version.
 * @throws {CommandError} {unknown} what `run` throws
 */
export async function buildFromGit(build: VersionBuild): Promise<string | undefined> {
  const { target, previous, run } = build;
  const git = createGit(build);
  if (previous?.commit !== undefined) {
    try {
      const commit = await update(git, { ...build, previous });
      if (commit !== undefined) await checkOut(git, target, commit);
      return commit;
    } catch (error) {
      // A new clone replaces objects that a power failure destroyed.
      if (!(error instanceof CommandError) || isTooLarge(error) || (await isSound(git))) throw error;
      await run(["rm", "-rf", "--", ...(await readdir(target)).map((name) => join(target, name))]);
    }
  }
  const commit = await clone(git, target);
  await checkOut(git, target, commit);
  return commit;
}
