/**
 * Installs and uninstalls the service: compares the files on disk with the plan, changes them, and reports each step.
 */
import { createAccount, missingAccounts } from "./accounts.ts";
import { createDisk, type Disk } from "./disk.ts";
import { CONFIG_FILE, CONFIG_FOLDER, RECORD, type SetupFile, STORE, USER } from "./files.ts";
import { type Digest, type FileChange, planInstall, planRemoval } from "./plan.ts";
import { formatRecord, parseRecord } from "./record.ts";

export interface Step {
  readonly action: FileChange;
  /** A path, or `user portcache`. */
  readonly what: string;
}

export interface SetupOptions {
  /** Empty for this machine. */
  readonly root: string;
  readonly files: readonly SetupFile[];
  readonly dryRun: boolean;
}

interface PlannedFile {
  readonly path: string;
  readonly file: SetupFile | undefined;
  readonly change: FileChange;
  readonly wanted: Digest | undefined;
  readonly recorded: Digest | undefined;
}

/** Where the new version of a changed file goes. */
const offerPath = (path: string) => `${path}.new`;

async function planFiles(
  files: readonly SetupFile[],
  recorded: ReadonlyMap<string, Digest>,
  disk: Disk,
  plan: typeof planInstall,
): Promise<readonly PlannedFile[]> {
  const paths = [...new Set([...files.map(({ path }) => path), ...recorded.keys()])];
  return await Promise.all(
    paths.map(async (path) => {
      const file = files.find((candidate) => candidate.path === path);
      const wanted = file && (await disk.digestOf(file.content));
      const digests = { wanted, present: await disk.digest(path), recorded: recorded.get(path) };
      return { path, file, wanted, recorded: digests.recorded, change: plan(digests) };
    }),
  );
}

async function apply({ path, file, change, wanted, recorded }: PlannedFile, disk: Disk): Promise<void> {
  if (change === "remove") disk.remove(path);
  else if (file && (change === "install" || change === "replace")) disk.put(file);
  else if (file && change === "offer") disk.put(file, offerPath(path));
  if (change === "offer" || change === "kept") return;
  // An earlier offer is obsolete; a file of that name with other content is not ours.
  const offered = await disk.digest(offerPath(path));
  if (offered !== undefined && (offered === wanted || offered === recorded)) disk.remove(offerPath(path));
}

function stepsOf(planned: readonly PlannedFile[]): readonly Step[] {
  return planned
    .filter(({ change }) => change !== "absent")
    .map(({ change, path }) => ({ action: change, what: path }));
}

/** @throws {Error} when a step fails; earlier steps stay, and the next run continues */
export async function install({ root, files, dryRun }: SetupOptions): Promise<readonly Step[]> {
  const disk = createDisk(root);
  const accounts = missingAccounts(disk, root);
  if (!dryRun) for (const account of accounts) createAccount(account, disk, root);
  const recorded = parseRecord(disk.text(RECORD) ?? "");
  const planned = await planFiles(files, recorded, disk, planInstall);
  const storeExists = disk.exists(STORE);
  if (!dryRun) {
    for (const one of planned) await apply(one, disk);
    if (!storeExists) disk.createFolder(STORE, USER);
    const record = formatRecord(new Map(planned.flatMap(({ path, wanted }) => (wanted ? [[path, wanted]] : []))));
    if (record !== disk.text(RECORD)) disk.putText(RECORD, record);
  }
  return [
    ...accounts.map(({ kind }) => ({ action: "install" as const, what: `${kind} ${USER}` })),
    ...stepsOf(planned),
    { action: storeExists ? "unchanged" : "install", what: STORE },
  ];
}

/** Returns the commands that let the service read its configuration, where somebody else made it, or another umask. */
export function commandsToOpen(root: string): readonly string[] {
  const disk = createDisk(root);
  const [userId, groupId] = [disk.idOf("passwd", USER), disk.idOf("group", USER)];
  const isClosed = (path: string) => !disk.isReadable(path, userId, groupId);
  return [
    ...(isClosed(CONFIG_FOLDER) ? [`chmod 755 ${root}${CONFIG_FOLDER}`] : []),
    ...(isClosed(CONFIG_FILE) ? [`chgrp ${USER} ${root}${CONFIG_FILE}`, `chmod 640 ${root}${CONFIG_FILE}`] : []),
  ];
}

/** Removes what install() put there; the store, the accounts that own it and changed files stay. */
export async function uninstall({ root, dryRun }: Omit<SetupOptions, "files">): Promise<readonly Step[]> {
  const disk = createDisk(root);
  const recorded = parseRecord(disk.text(RECORD) ?? "");
  const planned = await planFiles([], recorded, disk, planRemoval);
  if (!dryRun) {
    for (const { path, change } of planned) {
      if (change === "remove") disk.remove(path);
      if ((await disk.digest(offerPath(path))) === recorded.get(path)) disk.remove(offerPath(path));
    }
    disk.remove(RECORD);
    disk.removeFolder(CONFIG_FOLDER);
  }
  return stepsOf(planned);
}

/** The commands to run first if the service is running or started at boot. */
export function commandsToStop(root: string): string | undefined {
  const disk = createDisk(root);
  const levels = ["default", "boot", "sysinit", "nonetwork"].filter((level) =>
    disk.exists(`/etc/runlevels/${level}/portcache`),
  );
  const commands = [
    ...(disk.exists("/run/openrc/started/portcache") ? ["rc-service portcache stop"] : []),
    ...levels.map((level) => `rc-update del portcache ${level}`),
    ...(disk.exists("/etc/systemd/system/multi-user.target.wants/portcache.service")
      ? ["systemctl disable --now portcache"]
      : []),
  ];
  return commands.length === 0 ? undefined : commands.join("; ");
}
