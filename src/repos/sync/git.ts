/**
 * A version of a tree from a git repository: its last commit alone, cloned, or fetched into a copy of the version before.
 * The copy is made of hard links, so that a version costs what changed in it: git never writes into a file, it puts a
 * new one in its place. Nothing that comes with a repository is run: no hooks, no filters, no submodules.
 */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { type Run, RunError } from "./run-command.ts";
import { type SyncUrl, splitCredentials } from "./url.ts";
import type { Version } from "./versions.ts";

export interface VersionBuild {
  readonly url: string;
  /** Empty folder to build in; what lies there after a failure is of no use. */
  readonly target: string;
  readonly previous: Version | undefined;
  readonly run: Run;
}

const ENVIRONMENT = {
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_ATTR_NOSYSTEM: "1",
  GIT_ALLOW_PROTOCOL: "file:git:http:https:ssh",
  GIT_LFS_SKIP_SMUDGE: "1",
  // Nobody is there to be asked.
  GIT_TERMINAL_PROMPT: "0",
  GIT_ASKPASS: "",
  GIT_SSH_COMMAND: "ssh -o BatchMode=yes -o ConnectTimeout=30 -o ServerAliveInterval=30 -o ServerAliveCountMax=4",
};

const CONFIG = [
  "core.hooksPath=/dev/null",
  "core.fsmonitor=false",
  "core.logAllRefUpdates=false",
  // Making a hard link changes the ctime of the file.
  "core.trustctime=false",
  "core.checkStat=minimal",
  "submodule.recurse=false",
  "fetch.recurseSubmodules=false",
  // Each fetch makes one pack; collectGarbage() says when they become one.
  "fetch.unpackLimit=1",
  "gc.auto=0",
  "maintenance.auto=false",
  "pack.threads=1",
  "http.lowSpeedLimit=1000",
  "http.lowSpeedTime=60",
].flatMap((setting) => ["-c", setting]);

/** A remote, or one's own git, that tells no progress for so long is given up. */
const SILENCE_MS = 2 * 60 * 1000;
/** A pack is what one fetch brought; many make git slow and hold what no commit needs any more. */
const MAX_PACKS = 20;
const FETCHED = "refs/portcache/fetched";

/** The helper is bound to the URL's own host: a redirect elsewhere is told nothing. */
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
  };
}

type Git = ReturnType<typeof createGit>;

async function commitOf(git: Git, name: string): Promise<string> {
  return (await git.local("rev-parse", "--verify", "--end-of-options", `${name}^{commit}`)).trim();
}

async function clone(git: Git, target: string): Promise<string> {
  const depth = ["--depth=1", "--single-branch", "--no-tags", "--no-checkout", "--template=", "--progress"];
  await git.clone(...depth, "--", git.url, target);
  // Its branch would keep the first commit's files for ever; its HEAD, which leads nowhere then, git forgets to remove.
  await git.local("remote", "remove", "origin");
  await git.local("update-ref", "--no-deref", "-d", "refs/remotes/origin/HEAD");
  try {
    return await commitOf(git, "HEAD");
  } catch (cause) {
    throw new RunError("the repository is empty", { cause });
  }
}

/** Files of the previous version that are the same in this one take no room of their own, where the disk can do that. */
async function copy(run: Run, from: string, names: readonly string[], to: string): Promise<void> {
  const files = ["--", ...names.map((name) => join(from, name))];
  if (names.length === 0) return;
  try {
    await run(["cp", "-al", "-t", to, ...files]);
  } catch (error) {
    if (!(error instanceof RunError)) throw error;
    await run(["rm", "-rf", "--", ...names.map((name) => join(to, name))]);
    await run(["cp", "-a", "-t", to, ...files]);
  }
}

async function collectGarbage(git: Git, target: string): Promise<void> {
  const names = await readdir(join(target, ".git/objects/pack"));
  if (names.filter((name) => name.endsWith(".pack")).length > MAX_PACKS)
    await git.local("gc", "--quiet", "--prune=now");
}

/** What the previous version has is fetched no more. Resolves with undefined where there is nothing new. */
async function update(git: Git, { target, previous, run }: VersionBuild & { previous: Version }) {
  await copy(run, previous.path, [".git"], target);
  const how = ["--depth=1", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance", "--progress"];
  // Whatever branch the remote's HEAD is by now, and whatever its history.
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

/** Whether all that the fetched commit needs is there; to read it all takes seconds. */
async function isSound(git: Git): Promise<boolean> {
  try {
    await git.local("fsck", "--no-dangling", "--no-progress");
    return true;
  } catch (error) {
    if (error instanceof RunError) return false;
    throw error;
  }
}

async function checkOut(git: Git, target: string, commit: string): Promise<void> {
  await git.local("reset", "--hard", "--quiet", commit);
  await collectGarbage(git, target);
}

/**
 * Builds the version in `target`. Resolves with its commit, or with undefined where it is the previous one.
 * @throws {RunError} {unknown} what `run` throws
 */
export async function buildFromGit(building: VersionBuild): Promise<string | undefined> {
  const { target, previous, run } = building;
  const git = createGit(building);
  if (previous?.commit !== undefined) {
    try {
      const commit = await update(git, { ...building, previous });
      if (commit !== undefined) await checkOut(git, target, commit);
      return commit;
    } catch (error) {
      // Objects that a power failure took are had again by a new clone.
      if (!(error instanceof RunError) || (await isSound(git))) throw error;
      await run(["rm", "-rf", "--", ...(await readdir(target)).map((name) => join(target, name))]);
    }
  }
  const commit = await clone(git, target);
  await checkOut(git, target, commit);
  return commit;
}
