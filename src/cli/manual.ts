/**
 * Makes the manual pages and shell completions, from the data that the command line is parsed with.
 */
import type { Option } from "commander";
import { allSettings, pathOf } from "../config/schema.ts";
import type { CommandLine, FlagDoc } from "../setup/manual/command-line.ts";
import { formatCommandPage } from "../setup/manual/command-page.ts";
import { completeBash } from "../setup/manual/complete-bash.ts";
import { completeFish } from "../setup/manual/complete-fish.ts";
import { completeZsh } from "../setup/manual/complete-zsh.ts";
import { formatConfigPage } from "../setup/manual/config-page.ts";
import { describeProgram, operandsOf } from "./args.ts";

export interface ManualFile {
  /** Below share/. */
  readonly path: string;
  readonly text: string;
}

function flagDoc({ short, long, flags, description }: Option): FlagDoc {
  const names = [short, long].filter((name) => name !== undefined);
  return { names, value: /[<[]([^>\]]+)[>\]]/.exec(flags)?.[1], description };
}

export function describeCommandLine(version: string): CommandLine {
  const program = describeProgram(version);
  const help = { names: ["-h", "--help"], value: undefined, description: "show help, also of a single command" };
  return {
    name: program.name(),
    version,
    description: program.description(),
    flags: [...program.options.map(flagDoc), help],
    commands: program.commands.map((command) => ({
      name: command.name(),
      summary: command.summary(),
      description: command.description(),
      operands: operandsOf(command),
      flags: command.options.map(flagDoc),
    })),
  };
}

export function manualFiles(version: string): readonly ManualFile[] {
  const commandLine = describeCommandLine(version);
  const settings = allSettings().map(pathOf);
  return [
    { path: "man/man1/portcache.1", text: formatCommandPage(commandLine) },
    { path: "man/man5/portcache.toml.5", text: formatConfigPage(version) },
    { path: "bash-completion/completions/portcache", text: completeBash(commandLine, settings) },
    { path: "zsh/site-functions/_portcache", text: completeZsh(commandLine, settings) },
    { path: "fish/vendor_completions.d/portcache.fish", text: completeFish(commandLine, settings) },
  ];
}
