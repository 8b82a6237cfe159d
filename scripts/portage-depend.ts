/**
 * Runs Portage's own `bin/ebuild.sh depend` for comparison: from a checkout of gentoo/portage, called as its doebuild.py does,
 * the bash part only, without the Python around it.
 */
import { closeSync, mkdirSync, openSync, readFileSync, rmSync } from "node:fs";
import type { Evaluation } from "../src/repos/evaluate.ts";
import type { EbuildName } from "../src/repos/formats/ebuild-eapi.ts";
import type { Sandbox } from "../src/repos/sandbox/sandbox.ts";
import { createTempFolder } from "../src/testing/temp.ts";

export interface DependRequest extends EbuildName {
  readonly category: string;
  readonly pf: string;
  readonly eapi: string;
  /** Folder of the ebuild. */
  readonly folder: string;
  /** As in EvaluationRequest. */
  readonly eclassFolders: readonly string[];
}

export interface PortageDepend extends Disposable {
  /** Returns the results by key, or standard error after a failure. */
  run(request: DependRequest): Promise<ReadonlyMap<string, string> | string>;
}

/** @param checkout of gentoo/portage */
export function createPortageDepend(checkout: string): PortageDepend {
  const temp = createTempFolder();
  const build = temp.file("portage");
  for (const folder of ["empty", "temp", "work"]) mkdirSync(`${build}/${folder}`, { recursive: true });
  const quoted = (path: string) => `'${path.replaceAll("'", `'\\''`)}'`;

  return {
    async run({ category, pf, pn, pv, pr, eapi, folder, eclassFolders }) {
      const report = temp.file("report");
      const pipe = openSync(report, "w");
      const locations = eclassFolders.map((path) => quoted(path.replace(/\/eclass$/, ""))).reverse();
      const bash = Bun.spawn(["bash", `${checkout}/bin/ebuild.sh`, "depend"], {
        stdio: ["ignore", "ignore", "pipe", pipe],
        env: {
          PATH: "/usr/bin:/bin",
          LC_ALL: "C",
          NO_COLOR: "1",
          // Portage sets these, too.
          USERLAND: "GNU",
          COLUMNS: "80",
          PORTAGE_BIN_PATH: `${checkout}/bin`,
          PORTAGE_PYM_PATH: `${checkout}/lib`,
          PORTAGE_ECLASS_LOCATIONS: locations.join(" "),
          PORTAGE_PIPE_FD: "3",
          PORTAGE_TMPDIR: temp.path,
          PORTAGE_BUILDDIR: build,
          SANDBOX_LOG: temp.file("sandbox.log"),
          EBUILD: `${folder}/${pf}.ebuild`,
          EBUILD_PHASE: "depend",
          EAPI: eapi,
          CATEGORY: category,
          PF: pf,
          P: `${pn}-${pv}`,
          PN: pn,
          PV: pv,
          PR: pr,
          PVR: pf.slice(pn.length + 1),
          T: `${build}/temp`,
          WORKDIR: `${build}/work`,
          D: `${build}/image/`,
          HOME: `${build}/homedir`,
          FILESDIR: `${build}/files`,
          DISTDIR: `${build}/distdir`,
        },
      });
      const errors = await new Response(bash.stderr).text();
      const status = await bash.exited;
      closeSync(pipe);
      const text = readFileSync(report, "utf8");
      rmSync(report);
      if (status !== 0) return errors;
      return new Map(
        text.split("\n").map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)] as const),
      );
    },
    [Symbol.dispose]: () => temp.remove(),
  };
}

/** Runs our bash as Portage's is run here: without a sandbox. */
export const BARE: Sandbox = {
  kind: "none",
  async run({ script, input }) {
    const cmd = ["bash", "--noprofile", "--norc", "-c", script];
    const bash = Bun.spawn({
      cmd,
      env: { LC_ALL: "C", TMPDIR: "/tmp" },
      cwd: "/",
      stdin: input,
      stdout: "pipe",
      stderr: "pipe",
    });
    const [output, errors, exit] = await Promise.all([bash.stdout.bytes(), bash.stderr.text(), bash.exited]);
    return { end: "exit", exit, output, errors };
  },
  stop: async () => undefined,
};

/** Returns the keys in which the two differ, or "failure". */
export function differencesOf(
  ours: Evaluation | undefined,
  theirs: ReadonlyMap<string, string> | string,
): readonly string[] {
  if (ours?.kind !== "evaluated" || typeof theirs === "string") {
    return (ours?.kind === "evaluated") === (typeof theirs !== "string") ? [] : ["failure"];
  }
  const { eapi, srcUri, restrict, homepage, inherited } = ours.metadata;
  const found = { EAPI: eapi, SRC_URI: srcUri, RESTRICT: restrict, HOMEPAGE: homepage, INHERITED: inherited.join(" ") };
  return Object.entries(found).flatMap(([key, value]) => (theirs.get(key) === value ? [] : [key]));
}
