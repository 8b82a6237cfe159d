/**
 * `portcache setup`: makes a box on which only the executable was dropped one that runs it as a service. Run twice it changes
 * nothing; --uninstall takes away what it brought and leaves the store.
 */
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { type InitSystem, STORE, setupFiles } from "../setup/files.ts";
import type { Action } from "../setup/plan.ts";
import { install, inUse, type Step, uninstall } from "../setup/setup.ts";
import type { CommandOptions } from "./args.ts";
import { EXIT_FAILED } from "./exit.ts";
import { manualFiles } from "./manual.ts";
import { alignColumns, type Output } from "./output.ts";

const MARKS: Readonly<Record<InitSystem, readonly string[]>> = {
  openrc: ["/sbin/openrc-run", "/usr/sbin/openrc-run", "/usr/bin/openrc-run"],
  systemd: ["/usr/lib/systemd/systemd", "/lib/systemd/systemd"],
};

/** Those that are there; in a root where there is none yet, both. */
function initSystems(root: string): readonly InitSystem[] {
  const all = ["openrc", "systemd"] as const;
  const found = all.filter((init) => MARKS[init].some((path) => existsSync(`${root}${path}`)));
  return found.length > 0 ? found : all;
}

/** What to install as the program: from elsewhere the service's user may not be able to run it. */
function executableToInstall(root: string): string | undefined {
  // From the source tree it is bun that runs; and what a package brought is the package's.
  if (!import.meta.dir.startsWith("/$bunfs") || existsSync(`${root}/usr/bin/portcache`)) return undefined;
  return process.execPath;
}

const WORDS: Readonly<Record<Action, readonly [done: string, planned: string]>> = {
  install: ["installed", "would install"],
  replace: ["replaced", "would replace"],
  unchanged: ["unchanged", "unchanged"],
  offer: ["kept", "would keep"],
  kept: ["kept", "would keep"],
  remove: ["removed", "would remove"],
  absent: ["absent", "absent"],
};

function remark({ action, what }: Step): string {
  if (action === "offer") return `you changed it; this version's is ${what}.new`;
  return action === "kept" ? "you changed it" : "";
}

function render(steps: readonly Step[], dryRun: boolean, paint: Output["paint"]): string {
  const rows = steps.map((step) => {
    const word = WORDS[step.action][dryRun ? 1 : 0];
    const style = step.action === "unchanged" ? "dim" : step.action === "offer" ? "yellow" : "green";
    return [paint(style, word), step.what, remark(step)];
  });
  return alignColumns(rows).join("\n");
}

const START: Readonly<Record<InitSystem, readonly string[]>> = {
  openrc: ["rc-service portcache start", "rc-update add portcache default"],
  systemd: ["systemctl daemon-reload", "systemctl enable --now portcache"],
};

function nextSteps(init: readonly InitSystem[]): string {
  const starts = init.map((name) => `  ${START[name].join(" && ")}`);
  const how = ["Next, to start it now and at boot:", ...starts];
  return [...how, "and on each client, in /etc/portage/mirrors:", "  local http://NAME-OF-THIS-BOX:8000"].join("\n");
}

export interface SetupInvocation {
  readonly options: CommandOptions;
  readonly json: boolean;
}

/** @returns the exit code: 1 where something could not be done */
export async function setup({ options, json }: SetupInvocation, version: string, output: Output): Promise<number> {
  const given = typeof options["root"] === "string" ? resolve(options["root"]) : "/";
  const root = given === "/" ? "" : given;
  const dryRun = options["dryRun"] === true;
  if (options["uninstall"] === true) {
    const first = inUse(root);
    if (first !== undefined) {
      output.err(`portcache: the service is in use; first: ${first}`);
      return EXIT_FAILED;
    }
    const steps = await uninstall({ root, dryRun });
    output.out(json ? JSON.stringify({ root: given, dry_run: dryRun, steps }) : render(steps, dryRun, output.paint));
    if (!json) output.out(`The store ${STORE} stays, and so do the user and the group that own it.`);
    return 0;
  }
  const init = initSystems(root);
  const files = setupFiles({ init, executable: executableToInstall(root), manual: manualFiles(version) });
  const steps = await install({ root, files, dryRun });
  output.out(json ? JSON.stringify({ root: given, dry_run: dryRun, steps }) : render(steps, dryRun, output.paint));
  if (!json) output.out(`\n${nextSteps(init)}`);
  return 0;
}
