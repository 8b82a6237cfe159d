/**
 * Shows for `portcache man [COMMAND]` a manual page with the manual reader of the machine; where there is none, the help.
 */
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { parseArgs, wrongValue } from "./args.ts";
import { COMMANDS } from "./commands.ts";
import { CONFIG_PAGE, manualPage } from "./manual.ts";
import type { Output } from "./output.ts";

/** Programs that format a page from a file, and page it on a terminal. BusyBox's man knows no files. */
const READERS: readonly (readonly [program: string, ...flags: readonly string[]])[] = [
  ["man", "-l"],
  ["mandoc", "-a"],
];

function findReader(): readonly string[] | undefined {
  for (const [program, ...flags] of READERS) {
    const path = Bun.which(program);
    if (path !== null && basename(realpathSync(path)) !== "busybox") return [path, ...flags];
  }
  return undefined;
}

function helpOf(command: string | undefined, version: string): string {
  const argv = command === undefined || command === CONFIG_PAGE ? ["--help"] : [command, "--help"];
  const help = parseArgs(argv, version);
  return "stdout" in help ? help.stdout.trimEnd() : "";
}

/**
 * @returns the exit code
 * @throws {UsageError}
 */
export async function man([topic]: readonly string[], version: string, output: Output): Promise<number> {
  const page = manualPage(topic, version);
  if (page === undefined)
    throw wrongValue("COMMAND", topic ?? "", `one of ${[...Object.keys(COMMANDS), CONFIG_PAGE].join(", ")}`);
  const reader = findReader();
  if (!reader) {
    output.out(helpOf(topic, version));
    return 0;
  }
  const folder = mkdtempSync(join(tmpdir(), "portcache-man-"));
  try {
    const file = join(folder, page.name);
    writeFileSync(file, page.text);
    const child = Bun.spawn([...reader, file], { stdin: "inherit", stdout: "inherit", stderr: "inherit" });
    return await child.exited;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
