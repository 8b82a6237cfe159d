/**
 * Makes the manual pages and shell completions, from the data that the command line is parsed with.
 */
import type { Option } from "commander";
import { allSettings, pathOf } from "../config/schema.ts";
import type { CommandLine, FlagDoc } from "../setup/manual/command-line.ts";
import { formatCommandPage, formatSubcommandPage } from "../setup/manual/command-page.ts";
import { completeBash } from "../setup/manual/complete-bash.ts";
import { completeFish } from "../setup/manual/complete-fish.ts";
import { completeZsh } from "../setup/manual/complete-zsh.ts";
import { formatConfigPage } from "../setup/manual/config-page.ts";
import { COMMANDS } from "./commands.ts";
import { describeProgram, operandsOf } from "./program.ts";

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
    flags: [...program.options.filter(({ hidden }) => !hidden).map(flagDoc), help],
    commands: program.commands.map((command) => ({
      name: command.name(),
      summary: command.summary(),
      description: command.description(),
      operands: operandsOf(command),
      flags: command.options.map(flagDoc),
      examples: Object.entries(COMMANDS).find(([name]) => name === command.name())?.[1].examples ?? [],
    })),
  };
}

/** Shells with a completion. */
export const SHELLS = ["bash", "zsh", "fish"] as const;

export function completionFor(shell: (typeof SHELLS)[number], version: string): string {
  const complete = { bash: completeBash, zsh: completeZsh, fish: completeFish }[shell];
  return complete(describeCommandLine(version), allSettings().map(pathOf));
}

/** Topic of the page of the configuration. */
export const CONFIG_PAGE = "portcache.toml";

/** Returns the page of a command, of the configuration, or without a topic of portcache; undefined for any other. */
export function manualPage(topic: string | undefined, version: string): { name: string; text: string } | undefined {
  const commandLine = describeCommandLine(version);
  if (topic === undefined) return { name: "portcache.1", text: formatCommandPage(commandLine) };
  if (topic === CONFIG_PAGE) return { name: `${CONFIG_PAGE}.5`, text: formatConfigPage(version) };
  const command = commandLine.commands.find(({ name }) => name === topic);
  return command && { name: `portcache-${topic}.1`, text: formatSubcommandPage(commandLine, command) };
}

export function manualFiles(version: string): readonly ManualFile[] {
  return [
    { path: "man/man1/portcache.1", text: formatCommandPage(describeCommandLine(version)) },
    { path: "man/man5/portcache.toml.5", text: formatConfigPage(version) },
    { path: "bash-completion/completions/portcache", text: completionFor("bash", version) },
    { path: "zsh/site-functions/_portcache", text: completionFor("zsh", version) },
    { path: "fish/vendor_completions.d/portcache.fish", text: completionFor("fish", version) },
  ];
}
