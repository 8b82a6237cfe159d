/**
 * Installs and removes: looks at what is there, does what plan.ts says, and tells what was done to each thing.
 */
import { makeAccount, missingAccounts } from "./accounts.ts";
import { createDisk, type Disk } from "./disk.ts";
import { CONFIG_FOLDER, RECORD, type SetupFile, STORE, USER } from "./files.ts";
import { type Action, type Digest, planInstall, planRemoval } from "./plan.ts";
import { formatRecord, parseRecord } from "./record.ts";

export interface Step {
  readonly action: Action;
  /** A path, or `user portcache`. */
  readonly what: string;
}

export interface SetupOptions {
  /** Empty for the machine itself. */
  readonly root: string;
  readonly files: readonly SetupFile[];
  readonly dryRun: boolean;
}

interface Judged {
  readonly path: string;
  readonly file: SetupFile | undefined;
  readonly action: Action;
  readonly wanted: Digest | undefined;
  readonly recorded: Digest | undefined;
}

const beside = (path: string) => `${path}.new`;

async function judge(
  files: readonly SetupFile[],
  recorded: ReadonlyMap<string, Digest>,
  disk: Disk,
  plan: typeof planInstall,
): Promise<readonly Judged[]> {
  const paths = [...new Set([...files.map(({ path }) => path), ...recorded.keys()])];
  return await Promise.all(
    paths.map(async (path) => {
      const file = files.find((candidate) => candidate.path === path);
      const wanted = file && (await disk.digestOf(file.content));
      const digests = { wanted, present: await disk.digest(path), recorded: recorded.get(path) };
      return { path, file, wanted, recorded: digests.recorded, action: plan(digests) };
    }),
  );
}

async function act({ path, file, action, wanted, recorded }: Judged, disk: Disk): Promise<void> {
  if (action === "remove") disk.remove(path);
  else if (file && (action === "install" || action === "replace")) disk.put(file);
  else if (file && action === "offer") disk.put(file, beside(path));
  if (action === "offer" || action === "kept") return;
  // What was offered is of no use any more; a file of that name that is somebody else's is left alone.
  const offered = await disk.digest(beside(path));
  if (offered !== undefined && (offered === wanted || offered === recorded)) disk.remove(beside(path));
}

/** @throws {Error} where something can't be made; what was done before stays, and a next time goes on */
export async function install({ root, files, dryRun }: SetupOptions): Promise<readonly Step[]> {
  const disk = createDisk(root);
  const accounts = missingAccounts(disk, root);
  if (!dryRun) for (const account of accounts) makeAccount(account, disk, root);
  const recorded = parseRecord(disk.text(RECORD) ?? "");
  const judged = await judge(files, recorded, disk, planInstall);
  const storeIsThere = disk.exists(STORE);
  if (!dryRun) {
    for (const one of judged) await act(one, disk);
    if (!storeIsThere) disk.makeFolder(STORE, USER);
    const record = formatRecord(new Map(judged.flatMap(({ path, wanted }) => (wanted ? [[path, wanted]] : []))));
    if (record !== disk.text(RECORD)) disk.putText(RECORD, record);
  }
  return [
    ...accounts.map(({ kind }) => ({ action: "install" as const, what: `${kind} ${USER}` })),
    ...judged.filter(({ action }) => action !== "absent").map(({ action, path }) => ({ action, what: path })),
    { action: storeIsThere ? "unchanged" : "install", what: STORE },
  ];
}

/** Takes away what install() put there; the store, the accounts that own it and what was changed stay. */
export async function uninstall({ root, dryRun }: Omit<SetupOptions, "files">): Promise<readonly Step[]> {
  const disk = createDisk(root);
  const recorded = parseRecord(disk.text(RECORD) ?? "");
  const judged = await judge([], recorded, disk, planRemoval);
  if (!dryRun) {
    for (const { path, action } of judged) {
      if (action === "remove") disk.remove(path);
      if ((await disk.digest(beside(path))) === recorded.get(path)) disk.remove(beside(path));
    }
    disk.remove(RECORD);
    disk.removeFolder(CONFIG_FOLDER);
  }
  return judged.filter(({ action }) => action !== "absent").map(({ action, path }) => ({ action, what: path }));
}

/** What must be done first, where the service still runs or is started at boot. */
export function inUse(root: string): string | undefined {
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
