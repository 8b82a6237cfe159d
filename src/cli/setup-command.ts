/**
 * Installs portcache as a service on a machine that has only the executable, for `portcache setup`. Running it again changes
 * nothing; --uninstall removes what it installed and leaves the store.
 */
import { existsSync } from "node:fs";
import { hostname } from "node:os";
import { resolve } from "node:path";
import { ConfigError } from "../config/config-error.ts";
import { loadConfig } from "../config/load.ts";
import type { Config } from "../config/schema.ts";
import { reasonWithPath } from "../lib/error-reason.ts";
import { exists } from "../lib/exists.ts";
import { discoverRepositories, GENTOO_URL } from "../repos/discover.ts";
import type { Announced } from "../setup/avahi.ts";
import { CONFIG_FILE, type InitSystem, STORE, setupFiles } from "../setup/files.ts";
import type { FileChange } from "../setup/plan.ts";
import { commandsToOpen, commandsToStop, install, type Step, uninstall } from "../setup/setup.ts";
import type { CommandOptions } from "./args.ts";
import { EXIT_FAILED } from "./exit.ts";
import { manualFiles } from "./manual.ts";
import { alignColumns, type Output } from "./output.ts";

/** Programs by which an init system is recognised. */
const MARKS: Readonly<Record<InitSystem, readonly string[]>> = {
  openrc: ["/sbin/openrc-run", "/usr/sbin/openrc-run", "/usr/bin/openrc-run"],
  systemd: ["/usr/lib/systemd/systemd", "/lib/systemd/systemd"],
};

/** Finds the init systems of the machine; a root that has none yet gets the files of both. */
function initSystems(root: string): readonly InitSystem[] {
  const all = ["openrc", "systemd"] as const;
  const found = all.filter((init) => MARKS[init].some((path) => existsSync(`${root}${path}`)));
  return found.length > 0 ? found : all;
}

/** What Avahi is to announce: nothing where it is not installed. The configuration says where the server listens. */
function announcedIn(root: string): Announced | undefined {
  if (!exists(`${root}/etc/avahi/services`)) return undefined;
  const { port, tls_cert } = serverConfig(`${root}${CONFIG_FILE}`);
  return { port, isTls: tls_cert !== "" };
}

function serverConfig(file: string): Config["server"] {
  try {
    return loadConfig({ env: {}, defaultFile: file }).config.server;
  } catch (error) {
    // setup mends no configuration: check says what is wrong with it.
    if (error instanceof ConfigError) return loadConfig({ env: {}, defaultFile: "/dev/null" }).config.server;
    throw error;
  }
}

/** The executable to install, because the user of the service may not be able to run it where it is now. */
function executableToInstall(root: string): string | undefined {
  // From the source tree, the running executable is bun; one in /usr/bin belongs to a package.
  if (!import.meta.dir.startsWith("/$bunfs") || existsSync(`${root}/usr/bin/portcache`)) return undefined;
  return process.execPath;
}

const WORDS: Readonly<Record<FileChange, readonly [done: string, planned: string]>> = {
  install: ["installed", "would install"],
  replace: ["replaced", "would replace"],
  unchanged: ["unchanged", "unchanged"],
  offer: ["kept", "would keep"],
  kept: ["kept", "would keep"],
  remove: ["removed", "would remove"],
  absent: ["absent", "absent"],
};

function remark({ action, what }: Step): string {
  if (action === "offer") return ` (you changed it; the new version is ${what}.new)`;
  return action === "kept" ? " (you changed it)" : "";
}

function render(steps: readonly Step[], dryRun: boolean, paint: Output["paint"]): string {
  if (steps.length === 0) return "Nothing is installed.";
  const rows = steps.map((step) => {
    const word = WORDS[step.action][dryRun ? 1 : 0];
    const style = step.action === "unchanged" ? "dim" : step.action === "offer" ? "yellow" : "green";
    return [paint(style, word), step.what + remark(step)];
  });
  return alignColumns(rows).join("\n");
}

const START: Readonly<Record<InitSystem, readonly string[]>> = {
  openrc: ["rc-service portcache start", "rc-update add portcache default"],
  systemd: ["systemctl daemon-reload", "systemctl enable --now portcache"],
};

/** Says how to let the service read its configuration, which is an error at its start otherwise. */
function openStep(root: string): readonly string[] {
  const commands = commandsToOpen(root);
  return commands.length === 0
    ? []
    : ["The service may not read its configuration. First:", `  ${commands.join(" && ")}`];
}

/** The way to a repository where Gentoo is not installed: without one nothing is verified. */
function repositoryStep(root: string): readonly string[] {
  if (discoverRepositories({ repos: [], root }).repositories.length > 0) return [];
  return [
    `No ebuild repository is here, so no file could be verified. To have the server clone one, in ${CONFIG_FILE}:`,
    "  [repo]",
    `  repos = ["${GENTOO_URL}"]`,
  ];
}

function nextSteps(init: readonly InitSystem[], root: string): string {
  const start = init.map((name) => `  ${START[name].join(" && ")}`);
  const client = `  local http://${root === "" ? hostname() : "HOSTNAME"}:8000`;
  return [
    ...openStep(root),
    ...repositoryStep(root),
    "To start it now and at boot:",
    ...start,
    "On each client, in /etc/portage/mirrors:",
    client,
  ].join("\n");
}

/** Says what to do if the step failed because of where setup was to write. */
async function attempt(root: string, step: () => Promise<readonly Step[]>): Promise<readonly Step[]> {
  try {
    return await step();
  } catch (cause) {
    const reason = reasonWithPath(cause);
    const hint = root === "/" ? "run setup as root" : "run setup as root, or give another folder with --root";
    throw new Error(`Cannot finish setup in ${root}: ${reason} (${hint})`, { cause });
  }
}

/** @returns the exit code: 1 if the service is still in use */
export async function setup(options: CommandOptions, version: string, json: boolean, output: Output): Promise<number> {
  const given = typeof options["root"] === "string" ? resolve(options["root"]) : "/";
  const root = given === "/" ? "" : given;
  const dryRun = options["dryRun"] === true;
  if (options["uninstall"] === true) {
    const first = commandsToStop(root);
    if (first !== undefined) {
      output.err(`portcache: the service is in use; first run: ${first}`);
      return EXIT_FAILED;
    }
    const steps = await attempt(given, () => uninstall({ root, dryRun }));
    output.out(json ? JSON.stringify({ root: given, dry_run: dryRun, steps }) : render(steps, dryRun, output.paint));
    if (!json) output.out(`Kept: the store ${STORE}, and the user and group that own it.`);
    return 0;
  }
  const init = initSystems(root);
  const files = setupFiles({
    init,
    announced: announcedIn(root),
    executable: executableToInstall(root),
    manual: manualFiles(version),
  });
  const steps = await attempt(given, () => install({ root, files, dryRun }));
  output.out(json ? JSON.stringify({ root: given, dry_run: dryRun, steps }) : render(steps, dryRun, output.paint));
  if (!json) output.out(`\n${nextSteps(init, root)}`);
  return 0;
}
